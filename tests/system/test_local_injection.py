"""Local programs and the running server: handed over while it runs, in files while it does not."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon, Home, environment, running

pytestmark = pytest.mark.system


@pytest.fixture
def daemon(open_directory: str) -> Iterator[Daemon]:
    home = Home(open_directory)
    home.make()
    yield Daemon(home)


def run(daemon: Daemon, name: str, *words: str, message: str = "") -> str:
    command = [daemon.home.program(name), *words]
    ended = subprocess.run(command, input=message, capture_output=True, text=True, env=environment(), timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def logged(daemon: Daemon, wanted: str) -> str:
    """The first log line that holds this, once it is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in daemon.log:
            if wanted in line:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no {wanted!r} in\n" + "\n".join(daemon.log))


def test_injected_mail_is_delivered_by_the_running_server(daemon: Daemon) -> None:
    with running(daemon):
        run(daemon, "qmail-inject", daemon.home.address("alice"), message="Subject: small\n\nhi\n")
        run(daemon, "sendmail", "-t", message=f"To: {daemon.home.address('alice')}\n\n" + "0123456789\n" * 200_000)
        small, large = sorted(daemon.wait_for_messages("alice", 2), key=len)
        assert b"\nSubject: small\n\nhi\n" in small and large.endswith(b"\n\n" + b"0123456789\n" * 200_000)
        assert len([line for line in daemon.log if "end msg" in line or "new msg" in line]) >= 2


def test_what_waits_is_listed_whether_it_rests_in_a_file_or_in_the_journal(daemon: Daemon) -> None:
    with running(daemon):
        run(daemon, "qmail-inject", "-fjoe@x.example", "far@away.example", message="Subject: waits\n\n")
        logged(daemon, "deferral")
        listed = run(daemon, "qmail-qread")
        assert "<joe@x.example>" in listed and "\tremote\tfar@away.example\n" in listed
        assert run(daemon, "qmail-qstat").startswith("messages in queue: 1\n")
    # stopped: now it must rest in files
    assert run(daemon, "qmail-qread").splitlines()[1:] == listed.splitlines()[1:]
    assert run(daemon, "qmail-qstat").startswith("messages in queue: 1\n")


def test_mail_injected_while_the_server_is_down_or_killed_is_delivered_later(daemon: Daemon) -> None:
    run(daemon, "qmail-inject", daemon.home.address("alice"), message="Subject: before\n\n")
    assert run(daemon, "qmail-qstat").endswith("not yet preprocessed: 1\n")
    daemon.start()
    daemon.wait_for_messages("alice", 1)
    daemon.kill()  # its socket stays behind, with nobody at it
    run(daemon, "qmail-inject", daemon.home.address("alice"), message="Subject: between\n\n")
    with running(daemon):
        run(daemon, "qmail-inject", daemon.home.address("alice"), message="Subject: after\n\n")
        wanted = {b"before", b"between", b"after"}  # the first perhaps twice: it was killed before it could note it
        for count in range(3, 5):
            found = {
                message.rpartition(b"Subject: ")[2].strip() for message in daemon.wait_for_messages("alice", count)
            }
            if found == wanted:
                break
        assert found == wanted
