"""Pictures of the pages for the documentation: `python scripts/screenshots.py`. Needs Chromium and selenium.

Trains three small runs in a temporary folder, opens their pages, and writes docs/report.png, report_dark.png,
report_narrow.png, index.png and watch.png.
"""

import base64
import io
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

from pinn.app import solve
from pinn.problem import Problem
from pinn.report.index import write_index
from pinn.report.watch import Live, server
from pinn.training.build import restore

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "tests"))


def train(folder: Path) -> None:
    """Unsteady heat in a plate with a hole, and two runs of Poisson's equation to compare."""
    plate = Problem(
        name="plate_with_a_hole",
        coordinates={"t": [0, 1], "x": [0, 2], "y": [0, 1]},
        domain={"difference": ["box", {"disk": {"center": [0.7, 0.5], "radius": 0.25, "name": "hole"}}]},
        fields=["u"],
        parameters={"alpha": 0.2},
        functions={"q": "manufactured"},
        equations={"heat": "u_t = alpha*lap(u) + q"},
        conditions={
            "start": "u(t=0) = sin(pi*x/2)*sin(pi*y)", "edge": "u(boundary) = exp(-t)*sin(pi*x/2)*sin(pi*y)",
        },
        enforce="soft",
        exact={"u": "exp(-t)*sin(pi*x/2)*sin(pi*y)"},
    )  # fmt: skip
    least_squares = ("network.width=120", "network.scale=3", "sampling.points=600", "optimizer.steps=2")
    solve(plate, *least_squares, optimizer="least_squares", run_dir=folder / "plate_with_a_hole" / "first")
    poisson = Problem.load("poisson")
    for name, lines in {"adam": ("optimizer.steps=120",), "gauss_newton": ("optimizer.steps=25",)}.items():
        small = ("network.width=24", "sampling.points=300", "trainer.log_every_n_steps=2", *lines)
        solve(poisson, *small, optimizer=name, run_dir=folder / "poisson" / name)


def shoot(url: str, name: str, *, width: int = 1280, height: int = 1500, dark: bool = False) -> None:
    """Open a page and keep what is seen of it."""
    import chromium  # pyright: ignore[reportMissingImports] - beside the tests

    with chromium.browser(width, height, dark) as driver:
        driver.get(url)
        time.sleep(2)
        data = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": False})["data"]
    seen = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    if width > 1000:
        seen = seen.resize((width * 3 // 4, height * 3 // 4), Image.Resampling.LANCZOS)
    seen.save(DOCS / f"{name}.png", optimize=True)  # in all its colours: a palette puts bands into colour maps
    print(DOCS / f"{name}.png")


def main() -> None:
    """Train, open, keep."""
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)  # so that pages show the names of runs, and not where they lie
        folder = Path("runs")
        train(folder)
        run = folder.absolute() / "plate_with_a_hole" / "first"
        shoot(f"file://{run}/report.html", "report", height=2100)
        shoot(f"file://{run}/report.html", "report_dark", height=2100, dark=True)
        shoot(f"file://{run}/report.html", "report_narrow", width=400, height=2100)
        shoot(f"file://{write_index(folder).absolute()}", "index", height=1250)
        live = Path("runs", "poisson", "now")
        live.mkdir()
        for name in ("config.yaml", "metrics.csv", "last.ckpt"):
            shutil.copy(folder / "poisson" / "gauss_newton" / name, live / name)
        with server(Live(live, restore)) as serving:
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            shoot(f"http://127.0.0.1:{serving.server_port}/", "watch", height=1500)
            serving.shutdown()


if __name__ == "__main__":
    main()
