"""scripts/check: every test is run by one of its lanes, nothing stops the others, and the last line counts them all."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check
from scripts.check import Lanes, Tally, count

PASSES = [sys.executable, "-c", "print('3 passed, 1 skipped in 0.1s')"]
FAILS = [sys.executable, "-c", "print('2 passed, 1 failed'); raise SystemExit(1)"]


def test_every_test_file_is_in_one_lane() -> None:
    taken: dict[str, int] = {}
    for words in (command for lane in check.LANES for command in lane.values() if "pytest" in command):
        ignored = [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
        globs = [word.removeprefix("--ignore-glob=") for word in words if word.startswith("--ignore-glob=")]
        for place in (word for word in words if word.split("/")[0] == "tests"):
            for directory, _, names in os.walk(os.path.join(check.TOP, place)):
                for path in (f"{os.path.relpath(directory, check.TOP)}/{name}" for name in names):
                    if re.search(r"/test_\w+\.py$", path) and not (
                        any(path.startswith(f"{name}/") for name in ignored)
                        or any(fnmatch.fnmatch(path, glob) for glob in globs)
                    ):
                        taken[path] = taken.get(path, 0) + 1
    there = {
        f"{os.path.relpath(directory, check.TOP)}/{name}"
        for directory, _, names in os.walk(os.path.join(check.TOP, "tests"))
        for name in names
        if re.match(r"test_\w+\.py$", name)
    }
    assert taken == dict.fromkeys(there, 1)


@pytest.mark.parametrize(
    ("name", "status", "output", "tally"),
    [
        ("tests", 0, "...\n12 passed, 3 skipped, 1 deselected in 1.2s\n", Tally(12, 0, 3)),
        ("system tests m-z", 1, "1 failed, 12 passed, 2 errors in 1.2s\n", Tally(12, 3, 0, ("system tests m-z",))),
        ("recorded cases", 0, "40 passed, 0 failed\n", Tally(40)),
        ("tests", 2, "5 passed in 1s\n", Tally(5, 1, 0, ("tests",))),
        ("tests", -9, "", Tally(0, 1, 0, ("tests",))),
        ("lint", 1, "Found 3 errors.\n", Tally(0, 1, 0, ("lint",))),
        ("types", 0, "Success: no issues found in 400 source files\n", Tally(1)),
    ],
)
def test_a_step_is_counted_by_its_closing_line_and_status(name: str, status: int, output: str, tally: Tally) -> None:
    assert count(name, status, output) == tally


def test_no_step_stops_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    lanes = Lanes([{"tests": FAILS, "recorded cases": PASSES}, {"system tests": PASSES}])
    assert lanes.run() == Tally(8, 1, 2, ("tests",))
    said = capfd.readouterr().out
    assert re.findall(r"^== (.*): (passed|FAILED) \(", said, re.M).count(("tests", "FAILED")) == 1
    assert "\n3 passed, 1 skipped in 0.1s\n== system tests: passed (" in said


def test_term_interrupts_what_runs_and_fails_what_does_not_any_more() -> None:
    step = "[sys.executable, '-c', 'import os, time; os.kill(os.getppid(), 15); time.sleep(60)']"
    code = f"import sys; from scripts import check; lane = {{'tests': {step}, 'x': ['true']}}\n"
    code += "check.LANES = (lane,); sys.exit(check.main([]))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=check.TOP, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 1
    assert ended.stdout.endswith("\nqmtwist: FAILED: tests, x (not run)\n0 passed, 2 failed\n")


BAD_AT_FIRST = """
import os

import pytest


def test_good():
    pass


@pytest.mark.parametrize("number", [0, 1])
def test_bad_at_first(number):
    name = __file__ + str(number)
    if not os.path.exists(name):
        open(name, "w").close()
        raise AssertionError
"""


@pytest.mark.parametrize(
    ("text", "tally"),
    [
        (BAD_AT_FIRST, Tally(3, 0, unsteady=2)),
        (
            BAD_AT_FIRST + "\n\ndef test_bad():\n    raise AssertionError\n",
            Tally(1, 3, 0, ("tests",)),
        ),
    ],
)
def test_what_passes_alone_only_is_told_as_unsteady(
    text: str, tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", str(tmp_path), "--rootdir", str(tmp_path)]
    command += ["-c", str(tmp_path / "pytest.ini"), "-o", f"cache_dir={tmp_path}/cache"]
    assert Lanes([{"tests": command}]).run() == tally
    assert capfd.readouterr().out.count("/test_it.py::test_bad_at_first[") == 4
