"""The measurements of relaying run through, with a fraction of their load: programs that nobody runs rot."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator

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


def start(program: str, *options: str, **variables: str) -> subprocess.Popen[str]:
    """A measurement, in a process group of its own."""
    command = [sys.executable, "-m", f"bench.{program}", "--quick", *options]
    pipe, environment = subprocess.PIPE, {**os.environ, **variables}
    return subprocess.Popen(
        command, cwd=TOP, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def running_with(text: str) -> list[str]:
    """The command lines of running processes that contain a text."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", encoding="latin-1") as stream:
            if text in (line := stream.read().replace("\0", " ")):
                found.append(line)
    return found


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
    assert float(found["PSS MB, highest"]) > 0


@pytest.fixture
def open_directory() -> Iterator[str]:
    """A directory that every account may enter; pytest's are ours alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        yield directory


def test_a_measurement_that_is_ended_leaves_nothing_behind(open_directory: str) -> None:
    process = start("relay", "--peers", "qmtwist", BENCH_DIRECTORY=open_directory)
    try:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("# 1"):
            assert line, "it ended by itself"
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert os.listdir(open_directory) == []
    assert running_with(open_directory) == []
