"""Bad input of every kind is refused, and the check that says so sees what is not."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.refusals import BYTES, Case, End, ends, faults

import pinn

SCRIPT = Path(__file__).parents[1] / "scripts" / "reliability.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
CASE = Case("a kind", "u_y", ("pde=mine",))
RIGHT = End(2, "error: pde=mine: u_y: y is no coordinate; they are x\n", 0.5, 10**6)
WRONG = {
    "good input": (replace(RIGHT, status=0, said=""), "the status is 0"),
    "a traceback": (
        replace(RIGHT, status=1, said="Traceback (most recent call last)\nKeyError: 'u_y' has"),
        "a traceback",
    ),
    "another status": (replace(RIGHT, status=-9), "the status is -9"),
    "no quotation": (replace(RIGHT, said="error: something is wrong; write it better"), "does not quote 'u_y'"),
    "no advice": (replace(RIGHT, said="error: u_y is wrong"), "what would be right"),
    "slow": (replace(RIGHT, status=None), "more than 10 s"),
    "large": (replace(RIGHT, size=BYTES + 1), "more than 2 GB"),
    "a directory": (replace(RIGHT, left=("runs",)), "it left runs"),
    "all of a long text": (replace(RIGHT, said=f"error: u_y is no {'n' * 4000}"), "printed back whole"),
    "a bug to report": (replace(RIGHT, said="error: u_y differs, please report it"), "asks to report"),
}


def test_a_sample_of_every_kind_is_refused():
    done = subprocess.run([sys.executable, SCRIPT, "--sample", "1"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) >= 20


def test_what_is_right_has_no_fault():
    assert faults(CASE, RIGHT) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_end_is_seen(name):
    end, fault = WRONG[name]
    assert any(fault in found for found in faults(CASE, end))


def leaves_a_folder():
    Path("runs").mkdir()
    raise pinn.LanguageError("u_y: there is no y")


def test_ends_are_those_of_a_process_of_its_own():
    refused = ends(replace(CASE, python=lambda: pinn.Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"bend": "u_xx = u_y"}, conditions={}
    )))  # fmt: skip
    assert faults(CASE, refused) == []
    assert ends(replace(CASE, python=lambda: 1 / 0)).status == 1
    assert ends(replace(CASE, python=lambda: None)).status == 0
    assert ends(replace(CASE, python=leaves_a_folder)).left == ("runs",)
    assert ends(replace(CASE, python=lambda: time.sleep(60)), seconds=0.2).status is None
