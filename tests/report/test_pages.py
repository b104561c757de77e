"""The pages in a browser: nothing complains, everything is there, what moves moves, at any width, light and dark."""

import contextlib
import re
import shutil
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import chromium
import pytest
import yaml

from pinn.app import main, solve
from pinn.files import read_history
from pinn.problem import Problem
from pinn.report.curves import MOST, curves
from pinn.report.html import number, place_plotly, plotly_name, plotly_source
from pinn.report.index import write_index
from pinn.report.watch import Live, server
from pinn.schema import ConfigError
from pinn.training.build import restore

SECTIONS = [
    "The problem",
    "What limits this run",
    "The solution",
    "Where the equations are not met",
    "Errors",
    "Training",
]


@pytest.fixture(scope="module")
def driver():
    chromium.needs_chromium()
    with chromium.browser() as driver:
        yield driver


def opened(driver, url):
    driver.get(url if "://" in str(url) else f"file://{url}")
    assert chromium.errors(driver) == []
    return driver


def script(driver, text, *arguments):
    return driver.execute_script(f"return {text}", *arguments)


def drawn(driver, box):
    """The traces of the pictures in a box."""
    return script(driver, f"[...document.querySelectorAll('#{box} .plot')].map(d => d.data.map(t => t.type))")


def first_row(driver):
    return script(driver, "Array.from(document.querySelector('#solution .plot').data[0].z[20]).slice(0, 5)")


def test_every_curve_and_picture_is_there(driver, runs):
    opened(driver, runs / "stokes_hole" / "first" / "report.html")
    titles = script(driver, "[...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert [title for title in titles if title in SECTIONS] == SECTIONS
    assert drawn(driver, "solution") == [["heatmap"]] * 3  # u, v, p
    assert drawn(driver, "residuals") == [["heatmap"]] * 3
    assert drawn(driver, "looks") == [["scatter"] * 3] * 6  # the spectrum and the regions of three equations
    names = {row.removeprefix("loss/") for row in read_history(runs / "stokes_hole/first/metrics.csv")[0]}
    shown = script(driver, "document.querySelector('#curve-loss .plot').data.map(t => t.name)")
    assert len(shown) == 15 and set(shown) <= names
    curves = (
        "[...document.querySelectorAll('#curves figure')].map(f => [f.id, f.lastChild.data.every(t => t.y.length > 0)])"
    )
    assert dict(script(driver, curves)) == {
        f"curve-{group}": True for group in ("loss", "residual_max", "grad_norm", "time")
    }
    assert script(driver, "document.querySelector('#curve-time .plot').data.map(t => t.name)") == ["step"]  # in seconds
    assert script(driver, "document.querySelectorAll('math').length") > 8
    assert script(driver, "document.querySelector('#solution .plot').layout.shapes.length") == 1  # the hole
    text = script(driver, "document.body.innerText")
    for word in ("momentum_x", "float64", "torch", "least_squares", "channels for", "processor"):
        assert word in text


def test_what_one_network_has_built_in_is_said(runs):
    assert "built in" in (runs / "line" / "few" / "report.html").read_text()


def test_the_truth_and_what_was_learned(driver, runs):
    opened(driver, runs / "line" / "more" / "report.html")
    assert drawn(driver, "solution") == [["scatter", "scatter"], ["scatter"]]  # predicted and exact, error
    assert script(driver, "document.querySelector('#curve-parameter .plot').data.map(t => t.name)") == ["k", "k, true"]
    assert script(driver, "document.querySelector('#curve-error .plot').layout.yaxis.type") == "log"
    text = script(driver, "document.body.innerText")
    assert "What was learned" in text and "5 observations of u" in text and "Exact solution" in text


def test_the_estimated_error_stands_beside_the_solution_with_the_cells(driver, tmp_path):
    for name, axes, k2 in (("map", "xy", 900), ("line", "x", 100000)):
        waves = Problem(
            coordinates={axis: [0, 1] for axis in axes}, fields=["u"], equations={"waves": f"lap(u) + {k2}*u = 1"},
            conditions={"edge": "u(boundary) = 0"}, name=name,
        )  # fmt: skip
        found = solve(waves, "trainer.max_steps=2", run_dir=tmp_path / name)
        assert len(found.residuals.network) > 1
        assert "built in" not in (tmp_path / name / "report.html").read_text()  # cells meet conditions as equations
    opened(driver, tmp_path / "map" / "report.html")
    assert drawn(driver, "solution") == [["heatmap", "scatter"]] * 2 and drawn(driver, "residuals") == [["heatmap"]]
    captions = script(driver, "[...document.querySelectorAll('#solution figcaption span')].map(s => s.textContent)")
    assert captions[0] == "u predicted" and captions[1].startswith("u estimated error, at most")
    labels = script(driver, "[...document.querySelectorAll('#solution .cbaxis text')].map(d => d.textContent)")
    assert sum(label.startswith("10") for label in labels) >= 4  # powers of ten
    opened(driver, tmp_path / "line" / "report.html")
    marks = "[...document.querySelectorAll('.panels .plot')].map(d => (d.layout.shapes ?? []).length > 0)"
    assert drawn(driver, "solution") == [["scatter"]] * 2
    assert script(driver, marks.replace(".panels", "#solution")) == [True, True]
    assert script(driver, marks.replace(".panels", "#residuals")) == [False]
    assert script(driver, "document.querySelectorAll('#solution .plot')[1].layout.yaxis.type") == "log"


def test_a_map_and_its_colours_are_equally_high(driver, runs):
    opened(driver, runs / "stokes_hole" / "first" / "report.html")
    driver.execute_script("for (const one of Object.values(view().residuals)) one.range = [-5e-16, 5e-16]; draw()")
    high = "[...document.querySelectorAll('#residuals {}')].map(d => d.getBoundingClientRect().height)"
    maps, bars = script(driver, high.format(".heatmaplayer image")), script(driver, high.format(".cbfill"))
    labels = script(driver, "[...document.querySelectorAll('#residuals .cbaxis text')].map(d => d.textContent)")
    assert labels == ["−5×10⁻¹⁶", "−2.5×10⁻¹⁶", "0", "2.5×10⁻¹⁶", "5×10⁻¹⁶"] * 3
    assert len(maps) == 3 and bars == pytest.approx(maps, abs=1)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ("[0.03, 0.01, 0, null]", "0.005 0.01 0.02 0.05"),
        ("[1, 1e-8]", "10⁻⁸ 10⁻⁶ 10⁻⁴ 10⁻² 1"),
        ("[2e-7, 2.2e-7]", "2×10⁻⁷ 2.1×10⁻⁷ 2.2×10⁻⁷"),
        ("[0.02]", "0.01 0.02 0.05"),
        ("[]", ""),
    ],
)
def test_every_label_of_a_logarithmic_axis_says_its_value(driver, runs, values, labels):
    opened(driver, write_index(runs))
    found = script(driver, f"(logarithmic('', {values}).ticktext ?? []).join(' ')")
    assert labels in found if labels else found == ""  # it goes on beyond the values


def test_the_time_with_the_pictures_stands_on_the_page(runs):
    text = (runs / "stokes_hole" / "first" / "report.html").read_text()
    assert "finished after 1 step;" in text
    drawn = max(file.stat().st_mtime for file in (runs / "stokes_hole" / "first").glob("*.png"))
    begun = (runs / "stokes_hole" / "first" / "config.yaml").stat().st_mtime
    said = float(re.search(r"1 in ([\d.]+) s, start-up and pictures", text)[1])
    assert said > drawn - begun - 0.05


def test_the_slider_moves_and_the_pictures_change_their_kind(driver, runs):
    opened(driver, runs / "stokes_hole" / "first" / "report.html")
    end = first_row(driver)
    move = "(s => {s.value = 0; s.dispatchEvent(new Event('input')); return s.nextSibling.textContent})"
    assert script(driver, f"{move}(document.getElementById('slider'))") == "t = 0"
    assert first_row(driver) != end
    press = "[...document.querySelectorAll('#controls button')].find(b => b.textContent === arguments[0]).click()"
    driver.execute_script(press, "surface")
    assert drawn(driver, "solution") == [["surface"]] * 3
    driver.execute_script(press, "profile")
    assert drawn(driver, "solution") == [["scatter"]] * 3
    before = script(driver, "Array.from(document.querySelector('#solution .plot').data[0].y)")
    driver.execute_script("(s => {s.value = 3; s.dispatchEvent(new Event('input'))})(document.getElementById('cut'))")
    assert script(driver, "Array.from(document.querySelector('#solution .plot').data[0].y)") != before
    said = [line for line in chromium.errors(driver) if "GPU stall" not in line and "willReadFrequently" not in line]
    assert said == []


@pytest.fixture
def live(runs, tmp_path):
    """A run that is at its second step, watched."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.yaml", "last.ckpt"):
        shutil.copy(runs / "line" / "more" / name, run / name)
    lines = (runs / "line" / "more" / "metrics.csv").read_text().splitlines(keepends=True)
    (run / "metrics.csv").write_text("".join(lines[:3]))
    with server(Live(run, restore)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/", run, lines
        serving.shutdown()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_readable_at_any_width_in_light_and_dark(runs, live, width, dark):
    chromium.needs_chromium()
    write_index(runs)
    url, *_ = live
    with chromium.browser(width, dark=dark) as driver:
        for page in (runs / "stokes_hole/first/report.html", runs / "line/more/report.html", runs / "index.html", url):
            opened(driver, page)
            assert script(driver, "document.documentElement.scrollWidth") == width
            paper, ink = (
                sum(map(int, re.findall(r"\d+", script(driver, f"getComputedStyle(document.body).{key}"))[:3])) / 3
                for key in ("backgroundColor", "color")
            )
            assert (paper < 60 and ink > 180) if dark else (paper > 240 and ink < 60)
            wide = "[...document.querySelectorAll('.plot .main-svg')].map(d => d.getBoundingClientRect().right)"
            assert max(script(driver, wide), default=0) <= width
            assert float(script(driver, "getComputedStyle(document.body).fontSize").removesuffix("px")) >= 14
        driver.execute_script("document.body.insertAdjacentHTML('beforeend', '<p style=\"width: 2000px\">wide</p>')")
        assert script(driver, "document.documentElement.scrollWidth") > width  # the check sees what is too wide


def test_the_comparison_sorts_filters_and_overlays(driver, runs):
    write_index(runs)
    opened(driver, runs / "index.html")
    names = lambda: script(driver, "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].innerText.trim())")  # noqa: E731
    assert names()[:2] == ["line/more", "line/few"]  # by error; what has none stands last
    head = "[...document.querySelectorAll('th')].find(h => h.dataset.key === arguments[0]).click()"
    driver.execute_script(head, "steps")
    assert names() == ["stokes_hole/first", "line/few", "line/more"]
    driver.execute_script(head, "steps")
    assert names() == ["line/more", "line/few", "stokes_hole/first"]
    driver.execute_script(
        "(f => {f.value = 'line finished'; f.dispatchEvent(new Event('input'))})(document.getElementById('filter'))"
    )
    assert names() == ["line/more", "line/few"]
    overlaid = lambda: script(driver, "document.getElementById('overlay').data.map(t => t.name)")  # noqa: E731
    assert overlaid() == ["line/few", "line/more"]
    driver.execute_script("document.querySelector('tbody input').click()")
    assert overlaid() == ["line/few"]
    assert script(driver, "document.querySelector('tbody a').getAttribute('href')") == "line/more/report.html"
    assert chromium.errors(driver) == []


def test_a_run_that_is_moved_stays_readable(driver, runs, tmp_path):
    shutil.copytree(runs / "line" / "few", tmp_path / "elsewhere")
    opened(driver, tmp_path / "elsewhere" / "report.html")
    assert drawn(driver, "solution") == [["scatter", "scatter"], ["scatter"]]
    (tmp_path / "elsewhere" / plotly_name()).unlink()  # the check sees what is missing
    driver.get(f"file://{tmp_path}/elsewhere/report.html")
    assert chromium.errors(driver) != []


def test_the_live_page_follows_the_run(driver, live):
    from selenium.webdriver.support.ui import WebDriverWait

    url, run, lines = live
    opened(driver, url)
    steps = "document.querySelector('#curve-loss .plot').data[0].x"
    assert script(driver, steps) == [1, 2]
    assert "2 steps so far" in script(driver, "document.body.innerText")
    driver.execute_script("[...document.querySelectorAll('#clock button')][1].click()")
    (run / "metrics.csv").write_text("".join(lines))
    WebDriverWait(driver, 30).until(lambda d: len(script(d, steps)) == 12)
    assert "12 steps so far" in script(driver, "document.body.innerText")
    assert script(driver, "document.querySelector('#clock [aria-pressed=true]').textContent") == "seconds"  # kept
    assert chromium.errors(driver) == []


def test_the_server_answers_with_the_page_and_nothing_else(live):
    url, _, _ = live
    with urllib.request.urlopen(url, timeout=20) as answer:
        tag = answer.headers["ETag"]
    for path, headers, status in (
        ("", {"If-None-Match": tag}, 304), ("config.yaml", {}, 404), ("../run/last.ckpt", {}, 404),
        ("", {"Host": "elsewhere.example"}, 403),
    ):  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as found:
            urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=20)
        assert found.value.code == status


def test_before_the_first_checkpoint_there_are_curves_alone(runs, tmp_path):
    for name in ("config.yaml", "metrics.csv"):
        shutil.copy(runs / "line" / "few" / name, tmp_path / name)
    text, tag = Live(tmp_path, restore).page()
    assert "The solution" not in text and "3 steps so far" in text and tag.startswith('"')


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["report"], "open them in a browser"),
        (["watch", "--help"], "Only this machine"),
        (["report", "nowhere"], "there is no such folder"),
        (["report", "."], "no run is below"),
        (["report", "a", "b"], "takes one path; got a b"),
        (["watch", "."], "no run has begun here: config.yaml is missing"),
        (["watch", ".", "port=many"], "port=many: should be a number"),
    ],
)
def test_commands_say_what_they_take(typed, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pinn", *typed])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert words in printed.out + printed.err


def test_the_command_writes_the_page_again_and_the_index(runs, monkeypatch, capsys):
    (runs / "line" / "few" / "report.html").unlink()
    for folder, page in ((runs / "line" / "few", "report.html"), (runs, "index.html")):
        monkeypatch.setattr("sys.argv", ["pinn", "report", str(folder)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        assert capsys.readouterr().out.strip() == str(folder / page)
        assert (folder / page).exists()


def test_the_watched_run_may_have_no_file_for_its_problem(tmp_path):
    with pytest.raises(ConfigError, match="no run is here"):
        restore(tmp_path)


def test_curves_are_thinned_but_keep_their_ends():
    rows = [
        {"step": k + 1, "time/step": 0.5, "loss/a": 1 / (k + 1), **({"grad_norm/a": 1.0} if k % 1000 == 500 else {})}
        for k in range(5000)
    ]
    found = curves(rows)
    assert len(found["step"]) <= 2 * MOST and found["step"][-1] == 5000 and found["seconds"][-1] == 2500
    assert sum(value is not None for value in found["groups"]["grad_norm"]["a"]) == 5


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (3.21e-9, "3.21×10⁻⁹"),
        (0.03125, "0.0312"),
        (-41.72, "−41.7"),
        (52321.0, "52321"),
        (1.5e7, "1.50×10⁷"),
    ],
)
def test_numbers_as_they_are_read(value, text):
    assert number(value) == text


ATTACK = "<img src=q onerror=window.caught=1></script><script>window.caught=1</script>"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Two runs whose equations have names that are HTML."""
    folder = tmp_path_factory.mktemp("attacked")
    attack = Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, fields=["u", "v"],
        equations={ATTACK: "lap(u) = v", "<b>second</b>": "lap(v) = 1"},
        conditions={f"{ATTACK} edge": "u(boundary) = 0", "w": "v(boundary) = 0"}, enforce="soft", name=ATTACK,
        exact={"u": "x", "v": "y"},
    )  # fmt: skip
    small = ("network.width=5", "sampling.points=30", "sampling.boundary_points=8", "trainer.max_steps=2")
    for weight in (2, 3):
        run = folder / "<img src=q onerror=window.caught=1>" / f"{weight}"
        solve(attack, *small, "trainer.log_every_n_steps=1", "network.scale=2", optimizer="adam", run_dir=run)
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["balancing"]["weights"] = {ATTACK: weight}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def nothing_caught(driver):
    said = [line for line in chromium.errors(driver) if "GPU" not in line and "willReadFrequently" not in line]
    assert script(driver, "window.caught ?? null") is None and said == []
    assert script(driver, "document.querySelectorAll('img').length") == 0
    assert "<img src=q onerror=window.caught=1>" in script(driver, "document.body.textContent")


def test_text_is_text_on_every_page(driver, attacked):
    run = next(attacked.glob("*/2"))
    opened(driver, run / "report.html")
    nothing_caught(driver)
    assert f"residual of {ATTACK}" in script(driver, "document.querySelector('#residuals').textContent")
    opened(driver, write_index(attacked))
    nothing_caught(driver)
    assert ATTACK in script(driver, "document.querySelector('#runs thead').textContent")
    with server(Live(run, restore)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        opened(driver, f"http://127.0.0.1:{serving.server_port}/")
        (run / "metrics.csv").write_text((run / "metrics.csv").read_text())  # the page takes it anew
        time.sleep(4)
        nothing_caught(driver)
        serving.shutdown()


def test_the_policy_stops_what_would_get_through(driver, attacked):
    run = next(attacked.glob("*/3"))
    page = (run / "report.html").read_text().replace("<main>", f"<main>{ATTACK.replace('</script>', '', 1)}")
    (run / "changed.html").write_text(page)
    driver.get(f"file://{run}/changed.html")
    time.sleep(0.5)
    assert script(driver, "window.caught ?? null") is None
    assert "Content Security Policy" in "".join(chromium.errors(driver))


def test_no_other_script_bears_plotlys_name(runs, tmp_path):
    (tmp_path / plotly_name()).write_text("window.caught = 1")
    place_plotly(tmp_path)
    assert (tmp_path / plotly_name()).read_bytes() == plotly_source().read_bytes()


def test_the_server_survives_200_connections(live):
    url, _, _ = live
    address = urllib.parse.urlsplit(url)
    with contextlib.ExitStack() as open_ones:
        for k in range(200):
            one = open_ones.enter_context(socket.create_connection((address.hostname, address.port), timeout=20))
            one.sendall(b"GET / HTTP/1.1\r\n" if k % 2 else b"")  # half a question, or none
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.status == 200 and b"<!DOCTYPE html>" in answer.read()
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_the_server_is_on_loopback_alone_and_asks_for_the_host(live):
    url, _, _ = live
    address = urllib.parse.urlsplit(url)
    assert address.hostname == "127.0.0.1"
    for question in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n"):
        with socket.create_connection((address.hostname, address.port), timeout=20) as one:
            one.sendall(question)
            assert b" 403 " in one.recv(100)
    for path in ("/..%2fconfig.yaml", "/../config.yaml", "//config.yaml", "/last.ckpt"):
        with socket.create_connection((address.hostname, address.port), timeout=20) as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert b" 404 " in one.recv(100)
