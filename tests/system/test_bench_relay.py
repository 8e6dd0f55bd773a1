"""The measurements of relaying run through, with a fraction of their load: programs that nobody runs rot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.support.daemon import TOP

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
LIMIT_S = 120.0

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(shutil.which(name, path=PATH) for name in ("smtp-source", "smtp-sink")), reason="needs Postfix's tools"
    ),
]


def start(program: str, *options: str) -> subprocess.Popen[str]:
    """A measurement, in a process group of its own."""
    command = [sys.executable, "-m", f"bench.{program}", "--quick", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=TOP, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def rows(program: str, *options: str) -> list[dict[str, str | float]]:
    """Run one; the rows that it prints for programs."""
    process = start(program, *options)
    try:
        stdout, stderr = process.communicate(timeout=LIMIT_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, stderr
    return [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]


def test_relaying_is_measured_at_both_numbers_of_sessions() -> None:
    found = rows("relay", "--rounds", "1", "--peers", "qmtwist")
    assert [row["sessions"] for row in found] == ["20", "100"]
    assert all(float(row["messages/s out"]) > 0 for row in found)


def test_a_message_to_many_is_measured_with_and_without_grouping() -> None:
    found = rows("many_recipients", "--rounds", "1", "--peers", "qmtwist")
    assert [row["case"] for row in found[:2]] == ["default grouping", "one per transaction"]
    assert len(found) == 4


def test_black_holes_and_a_tarpit_are_measured() -> None:
    found = rows("black_holes", "--rounds", "1")
    assert len(found) == 2
    assert all(float(row["with them s"]) > 0 for row in found)


def test_a_comeback_is_measured_with_its_memory() -> None:
    (found,) = rows("comeback", "--rounds", "1")
    assert found["messages"] == 400
    assert 0 < float(found["PSS MB, highest"])
