"""Directories of services and logs, with our programs and those of Debian's package daemontools."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import kill_all, tree

LIMIT_S = 60.0
DEBIAN = "/usr/bin"
needs_daemontools = pytest.mark.skipif(not os.path.exists(f"{DEBIAN}/multilog"), reason="needs the package daemontools")
RUN = "#!/bin/sh\nexec sleep 1000\n"


def hear_signals() -> None:
    """What a shell at a terminal leaves to its commands; who runs the tests by nohup or with `&` has them ignored."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Place:
    """A directory of services; what was started in it ends with the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[subprocess.Popen[bytes]] = []

    def make(self, name: str, script: str = RUN) -> Path:
        """A service."""
        path = self.directory / name
        path.mkdir(parents=True)
        (path / "run").write_text(script)
        (path / "run").chmod(0o755)
        return path

    def start(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a program here."""
        words = {"cwd": self.directory, "preexec_fn": hear_signals, **options}
        process = subprocess.Popen(command, **words)  # type: ignore[call-overload]
        self._started.append(process)
        assert isinstance(process, subprocess.Popen)
        return process

    def run(self, *command: str, text: bytes = b"") -> tuple[int, str, str]:
        """Run one to its end: exit status, output, errors."""
        ended = subprocess.run(command, cwd=self.directory, input=text, capture_output=True, timeout=LIMIT_S)
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    def close(self) -> None:
        """End all that is left."""
        for process in self._started:
            kill_all(list(tree(process.pid)))
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Until it is so; `what` did not happen otherwise."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Words(list[str]):
    """A command line."""

    def endswith(self, words: list[str]) -> bool:
        """Whether these are the last ones."""
        return self[-len(words) :] == words


def command_line(pid: int) -> Words:
    """Of a process, without the directories of its words; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="latin-1") as stream:
            return Words(word.rpartition("/")[2] for word in stream.read().split("\0")[:-1])
    except OSError:
        return Words()
