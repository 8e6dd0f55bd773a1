"""Users of a server that root started hand their mail to it directly, under their own name."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.apart import play_apart
from tests.support.daemon import Daemon, running
from tests.support.ownaccounts import ALICE, BOB, make

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


def inject(daemon: Daemon, uid: int, subject: str) -> subprocess.CompletedProcess[bytes]:
    command = [daemon.home.program("qmail-inject"), "-fsomebody@else.example", daemon.home.address("alice")]
    text = f"Subject: {subject}\n\n".encode()
    return subprocess.run(command, input=text, user=uid, group=uid, extra_groups=[], env={}, capture_output=True)


def test_a_user_queues_without_qmail_queue_while_the_server_runs_and_with_it_otherwise(open_directory: str) -> None:
    play_apart(play_a_user_queues_without_qmail_queue_while_the_server_runs_and_with_it_otherwise, open_directory)


def play_a_user_queues_without_qmail_queue_while_the_server_runs_and_with_it_otherwise(directory: str) -> None:
    home = make(directory)
    program = home.program("qmail-queue")
    assert os.stat(program).st_mode & 0o7777 == 0o4711
    with running(Daemon(home)) as daemon:
        os.chmod(program, 0o4600)  # nobody can run it now
        ended = inject(daemon, BOB, "direct")
        assert (ended.returncode, ended.stderr) == (0, b"")
        (message,) = daemon.wait_for_messages("alice", 1)
        assert b"invoked by uid %d);" % BOB in message and b"Subject: direct\n" in message
    ended = inject(daemon, BOB, "lost")
    assert ended.returncode == 111
    os.chmod(program, 0o4711)
    assert inject(daemon, ALICE, "later").returncode == 0
    with running(daemon):
        messages = daemon.wait_for_messages("alice", 2)
        assert b"invoked by uid %d);" % ALICE in b"".join(messages) and b"Subject: lost\n" not in b"".join(messages)
