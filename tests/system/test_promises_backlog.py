"""A long queue slows nothing down: start, new mail, memory and lists with 100,000 messages that wait.

What it costs to the millisecond is measured by bench/backlog.py.
"""

from __future__ import annotations

import os
import resource
import smtplib
import subprocess
import time

import pytest

from bench.backlog import FIRST, fill
from tests.support.daemon import environment, running
from tests.support.processes import proportional_kb
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

LETTERS = 60
SLACK_S = 5.0  # for a machine that has more to do
KB_EACH = 0.5  # of memory for a message that waits


def send(office: Office) -> float:
    """Seconds in which some letters come in by SMTP, one after the other, and are all delivered."""
    office.town.forget("joe")
    began = time.monotonic()
    with smtplib.SMTP("127.0.0.1", office.smtp_port, local_hostname="localhost", timeout=60) as client:
        for _ in range(LETTERS):
            client.sendmail("s@far.example", ["joe@test.example"], b"Subject: x\r\n\r\nbody\r\n")
    office.wait_for_messages("joe", LETTERS)
    return time.monotonic() - began


def listed(office: Office) -> tuple[int, float]:
    """How many messages qmail-qread lists, without keeping them, and its memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    program = subprocess.Popen(
        [office.town.program("qmail-qread")],
        stdout=subprocess.PIPE,
        env=environment(),
        preexec_fn=office.town.before_exec(),
    )
    assert program.stdout is not None
    count = sum(b"#" in line for line in program.stdout)
    program.stdout.close()
    assert program.wait() == 0
    return count, max(0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - before) / 1024


def move_queue(made: Town, directory: str) -> None:
    """Let the queue lie elsewhere, as a link in its place: so many files are made and removed much sooner in memory."""
    os.chmod(directory, 0o755)
    subprocess.run(["mv", f"{made.path}/queue", directory], check=True)
    os.symlink(f"{directory}/queue", f"{made.path}/queue")


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_messages_that_wait_slow_nothing_down(count: int, memory_directory: str) -> None:
    """S113: the start reads the queue once; after that, what waits costs a little memory and no time."""
    with town("joe", prepare=lambda made: move_queue(made, memory_directory)) as made:
        office = Office(made)
        with running(office):
            send(office)  # what is done once
            alone_s = send(office)
            alone_kb = proportional_kb(office.pid)
        fill(f"{made.path}/queue", count)
        began = time.monotonic()
        with running(office):
            assert time.monotonic() - began < SLACK_S + count / 5_000
            assert send(office) < 2 * alone_s + SLACK_S
            assert proportional_kb(office.pid) - alone_kb < 20_000 + KB_EACH * count
            began = time.monotonic()
            assert made.run("qmail-qstat").splitlines()[0] == f"messages in queue: {count}"
            assert time.monotonic() - began < SLACK_S + count / 20_000
            began = time.monotonic()
            found, megabytes = listed(office)
            assert found == count and megabytes < 120
            assert time.monotonic() - began < SLACK_S + count / 2_000
        assert f"#{FIRST} " in made.run("qmail-qread")[:200]  # and a clean stop leaves them as they were
