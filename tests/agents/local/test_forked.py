"""Children with a message and a report pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251
from twisted.internet.task import deferLater

from qmtwist.agents.local.forked import Forked
from tests.support.localhome import PATIENCE_S


class Nest:
    """A Forked, and what it said of its children."""

    def __init__(self) -> None:
        self.ends: dict[int, tuple[int, bytes]] = {}
        self.children = Forked(lambda key, status, output: self.ends.update({key: (status, output)}))
        self.null = os.open("/dev/null", os.O_RDONLY)

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(self.children):
            assert time.monotonic() < deadline, "a child does not end"
            self.children.wait(0.1)


@pytest_twisted.async_fixture
async def started() -> None:
    """The reactor runs, and has taken SIGCHLD: it does so once, before the first test that it plays."""
    await deferLater(reactor, 0)  # type: ignore[arg-type]


@pytest.fixture
def nest(started: None) -> Iterator[Nest]:
    handler = signal.getsignal(signal.SIGCHLD)
    wakeup = signal.set_wakeup_fd(-1)  # the reactor's, which hears by it of the processes of later tests
    nest = Nest()
    yield nest
    nest.children.stop(signal.SIGKILL)
    nest.wait()
    os.close(signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False))
    os.close(nest.children._alarm)
    os.close(nest.null)
    signal.signal(signal.SIGCHLD, handler)


def become(*words: str) -> NoReturn:
    os.execv(words[0], words)


def test_a_child_has_the_message_on_0_and_its_report_on_1_and_2(nest: Nest) -> None:
    descriptor = os.memfd_create("message")
    os.write(descriptor, b"the message\n")
    os.lseek(descriptor, 0, os.SEEK_SET)
    nest.children.start(7, descriptor, lambda: become("/bin/sh", "-c", "cat; echo out; echo err >&2; exit 3"))
    os.close(descriptor)
    assert nest.children.keys == {7}
    nest.wait()
    assert nest.ends == {7: (3, b"the message\nout\nerr\n")}


def test_a_child_leads_a_session_and_has_no_other_descriptors(nest: Nest) -> None:
    code = "import os; print(os.getsid(0) == os.getpid(), sorted(os.listdir('/proc/self/fd')))"
    nest.children.start(1, nest.null, lambda: become(sys.executable, "-IS", "-c", code))
    nest.wait()
    assert nest.ends[1] == (0, b"True ['0', '1', '2', '3']\n")  # 3 is the directory being listed


def test_a_bug_in_the_child_is_a_deferral_without_a_traceback(nest: Nest) -> None:
    def buggy() -> int:
        raise AssertionError("inside")

    nest.children.start(1, nest.null, buggy)
    nest.wait()
    assert nest.ends[1] == (111, b"Temporary failure in qmail-lspawn.\n")


def test_a_grandchild_that_holds_the_pipe_delays_nothing(nest: Nest) -> None:
    nest.children.start(1, nest.null, lambda: become("/bin/sh", "-c", "sleep 60 & echo $!"))
    nest.wait()
    status, output = nest.ends[1]
    os.kill(int(output), signal.SIGKILL)
    assert status == 0


def test_more_output_than_a_report_can_have_is_read_and_dropped(nest: Nest) -> None:
    nest.children.start(1, nest.null, lambda: become("/bin/sh", "-c", "head -c 1000000 /dev/zero"))
    nest.wait()
    assert nest.ends[1] == (0, bytes(3001))


def test_whoever_takes_too_long_is_told_to_end_with_all_its_children(nest: Nest) -> None:
    nest.children.start(1, nest.null, lambda: become("/bin/sh", "-c", "sleep 61.5 & wait"), limit_s=0.2)
    nest.wait()
    assert nest.ends[1][0] == -signal.SIGTERM
    assert subprocess.run(["pgrep", "-f", "^sleep 61.5"], check=False, capture_output=True).stdout == b""


def test_whoever_does_not_listen_is_killed(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.agents.local.forked._GRACE_S", 0.1)
    nest.children.start(1, nest.null, lambda: become("/bin/sh", "-c", "trap '' TERM; sleep 60"), limit_s=0.2)
    nest.wait()
    assert nest.ends[1][0] in (-signal.SIGKILL, -signal.SIGTERM)
