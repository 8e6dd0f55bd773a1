"""Starting and stopping as the documents promise them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import LIMIT_S, environment, running
from tests.support.privately import MAIL_UIDS
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"


@pytest.fixture
def place() -> Iterator[Office]:
    """A server that the test starts itself."""
    with town("joe", "ann") as made:
        yield Office(made)


def start(made: Town, *arguments: str) -> subprocess.Popen[str]:
    """qmail-start as a start script runs it, its log on standard output."""
    script = f'exec env - PATH="{made.path}/bin:$PATH" qmail-start "$@"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "rc", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=made.before_exec(),
        cwd="/",
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """TERM; the whole log."""
    process.terminate()
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, (out, err)
    return out.splitlines()


def test_qmail_start_runs_the_mail_system(place: Office) -> None:
    """S051, S027, S088, S021, S100: its argument is the default delivery; the log begins and ends as documented."""
    process = start(place.town, "./Box")
    assert process.stdout is not None
    assert process.stdout.readline() == "status: local 0/10 remote 0/20\n"
    began = time.monotonic()
    place.queue(f"joe@{H}")
    wait_until(lambda: place.town.read("joe", "Box"))
    assert time.monotonic() - began < 5
    assert finish(process)[-1] == "status: exiting"


def test_the_start_script_runs_it_too(place: Office) -> None:
    """S008, S051: HOME/boot/home as HOME/rc."""
    rc = f"{place.town.path}/rc"
    shutil.copy(f"{place.town.path}/boot/rc", rc)
    os.chmod(rc, 0o755)
    command = {"text": True, "stdout": subprocess.PIPE, "preexec_fn": place.town.before_exec(), "env": environment()}
    process = subprocess.Popen([rc], **command)  # type: ignore[call-overload]
    assert process.stdout.readline().startswith("status: local 0/10")
    place.queue(f"joe@{H}")
    wait_until(lambda: place.town.messages("joe"))  # control/defaultdelivery
    process.terminate()
    assert process.communicate(timeout=LIMIT_S)[0].endswith("status: exiting\n") and process.returncode == 0


def test_a_logger_gets_the_log(place: Office) -> None:
    """S052."""
    log = f"{place.town.top}/log"
    os.mkdir(log)
    os.chmod(log, 0o777)
    with open(f"{place.town.top}/logger", "w", encoding="ascii") as stream:
        stream.write(f'#!/bin/sh\necho "$1" > {log}/name; id -u > {log}/uid; exec cat > {log}/current\n')
    os.chmod(f"{place.town.top}/logger", 0o755)
    process = start(place.town, "./Maildir/", f"{place.town.top}/logger", "qmail")
    wait_until(lambda: os.path.exists(f"{log}/current") and os.path.getsize(f"{log}/current"))
    assert finish(process) == []
    assert Path(f"{log}/name").read_bytes() == b"qmail\n"
    if place.town.is_real:
        assert Path(f"{log}/uid").read_bytes() == b"%d\n" % MAIL_UIDS["qmaill"][0]
    wait_until(lambda: Path(f"{log}/current").read_bytes().endswith(b"status: exiting\n"))


def test_no_me_is_one_clear_error(place: Office) -> None:
    """S036: with control/locals qmail starts all the same, and so do we."""
    os.unlink(f"{place.town.path}/control/me")
    os.unlink(f"{place.town.path}/control/locals")
    process = start(place.town)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 111
    assert len([line for line in (out + err).splitlines() if "control/me" in line]) == 1, (out, err)


def test_a_second_server_does_not_start(place: Office) -> None:
    """S051: two servers cannot run on one queue."""
    with running(place):
        process = start(place.town)
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 111 and "already running" in out + err


def test_term_lets_running_deliveries_finish(place: Office) -> None:
    """S053, S088: nothing new starts, the queue keeps the rest, exit status 0."""
    place.town.write("control/concurrencylocal", "1\n")
    place.town.file("joe", ".qmail-slow", "|echo x > began; while ! test -e go; do sleep 0.05; done; echo done\n")
    with running(place):
        place.queue(f"joe-slow@{H}")
        place.queue(f"ann@{H}", message=b"Subject: waits\n\n")
        wait_until(lambda: place.town.read("joe", "began"))
        place.signal(signal.SIGTERM)
        wait_until(lambda: not answers(place.smtp_port))
        place.town.file("joe", "go", "")
        place.stop()
    lines = place.log[-4:]
    assert any("success: done/did_0+0+1/" in line for line in place.log)
    assert lines[-1] == "status: exiting"
    waiting = [] if place.town.messages("ann") else ["ann@test.example"]
    assert [
        line.split("\t")[2] for line in place.town.run("qmail-qread").splitlines() if "\tlocal\t" in line
    ] == waiting
    place.log.clear()
    with running(place):
        place.wait_for_messages("ann", 1)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
