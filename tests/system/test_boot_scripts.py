"""The start scripts of HOME/boot, each copied to HOME/rc and run: mail goes where its name says."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control import boot
from tests.support.daemon import LIMIT_S, environment, free_port
from tests.support.processes import tree
from tests.support.remote import wait_until
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
PROGRAMS = {"proc": "procmail", "binm1": "/usr/libexec/mail.local", "binm2": "/bin/mail", "binm3": "/bin/mail"}
WORDS = {"proc": "", "binm1": "-r s@far.example -d joe", "binm2": "-r s@far.example -d joe"}
WORDS["binm3"] = "-f s@far.example -d joe"


@pytest.fixture(scope="module")
def place() -> Iterator[Office]:
    """A home whose server the test starts itself."""
    with town("joe", "ann") as made:
        yield Office(made)


@contextlib.contextmanager
def started(place: Office, name: str) -> Iterator[None]:
    """HOME/boot/NAME as HOME/rc, run as at boot; TERM at the end."""
    rc = f"{place.town.path}/rc"
    shutil.copy(f"{place.town.path}/boot/{name}", rc)
    text = Path(rc).read_text(encoding="ascii")
    for program in set(PROGRAMS.values()):  # a fake one, for the machine has none, or a real one
        fake = f"{place.town.top}/fake/{program.replace('/', '_')}"
        text = text.replace(f"preline -f {program}", f"preline -f {fake}").replace(
            f"preline {program}", f"preline {fake}"
        )
    Path(rc).write_text(text, encoding="ascii")
    process = subprocess.Popen(
        [rc], stdout=subprocess.DEVNULL, preexec_fn=place.town.before_exec(), env=environment(), cwd="/"
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        assert list(tree(process.pid)) == []


def prepare(place: Office) -> None:
    """Programs that note how they were called, and what they read."""
    os.makedirs(f"{place.town.top}/fake", exist_ok=True)
    for program in set(PROGRAMS.values()):
        path = f"{place.town.top}/fake/{program.replace('/', '_')}"
        Path(path).write_text('#!/bin/sh\necho "$*" > "$HOME/words"\nexec cat > "$HOME/got"\n', encoding="ascii")
        os.chmod(path, 0o755)
    for user in ("joe", "ann"):
        for name in ("Mailbox", "words", "got", ".forward"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{place.town.directory(user)}/{name}")
        place.town.forget(user)
    place.town.file("ann", ".qmail", "./Maildir/\n")


def test_there_is_a_script_for_every_habit(place: Office) -> None:
    """S008: the names of qmail's boot/, and rc, which reads control/defaultdelivery."""
    names = {f"{name}{end}" for name in ("home", "proc", "binm1", "binm2", "binm3") for end in ("", "+df")}
    assert {*os.listdir(f"{place.town.path}/boot")} == {*names, "rc", "server", *boot.UNITS}
    for name in names:
        path = f"{place.town.path}/boot/{name}"
        assert os.stat(path).st_mode & 0o7777 == 0o755
        subprocess.run(["/bin/sh", "-n", path], check=True)


@pytest.mark.parametrize("name", ["home", "home+df"])
def test_home_delivers_into_mailbox(place: Office, name: str) -> None:
    prepare(place)
    with started(place, name):
        place.queue(f"joe@{H}")
        wait_until(lambda: "Subject: x\n\nbody\n" in place.town.read("joe", "Mailbox"))


@pytest.mark.parametrize("name", ["proc", "proc+df", "binm1", "binm1+df", "binm2", "binm2+df", "binm3", "binm3+df"])
def test_the_others_hand_mail_to_a_program(place: Office, name: str) -> None:
    kind = name.removesuffix("+df")
    prepare(place)
    with started(place, name):
        place.queue(f"joe@{H}")
        wait_until(lambda: "Subject: x\n\nbody\n" in place.town.read("joe", "got"))
    assert place.town.read("joe", "words") == WORDS[kind] + "\n"
    has_from_line = place.town.read("joe", "got").startswith("From s@far.example ")
    assert has_from_line == (kind == "proc")  # -f: without it


@pytest.mark.parametrize("name", ["home+df", "proc+df", "binm1+df", "binm2+df", "binm3+df"])
def test_with_df_a_forward_file_comes_first(place: Office, name: str) -> None:
    prepare(place)
    place.town.file("joe", ".forward", f"ann@{H}\n")
    with started(place, name):
        place.queue(f"joe@{H}")
        wait_until(lambda: place.town.messages("ann"))
    assert place.town.read("joe", "Mailbox") == place.town.read("joe", "got") == ""


def test_without_df_a_forward_file_is_a_file(place: Office) -> None:
    prepare(place)
    place.town.file("joe", ".forward", f"ann@{H}\n")
    with started(place, "home"):
        place.queue(f"joe@{H}")
        wait_until(lambda: place.town.read("joe", "Mailbox"))
    assert place.town.messages("ann") == []


def test_server_listens_too(place: Office) -> None:
    prepare(place)
    port = free_port()
    place.town.write("control/listensmtp", f"tcp:{port}:interface=127.0.0.1\n")
    place.town.write("control/listenpop3", "")
    with started(place, "server"):
        place.smtp_port = port
        wait_until(lambda: answers(port))
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"ann@{H}"], b"Subject: x\r\n\r\n")
        wait_until(lambda: place.town.messages("ann"))


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), LIMIT_S).close()
    except OSError:
        return False
    return True


def test_setup_of_a_null_client_makes_no_script(place: Office) -> None:
    """It has no queue to start."""
    path = f"{place.town.top}/null"
    words = ("setup", "--home", path, "--null-client", "--hub", "127.0.0.1", "--host", H)
    place.town.run("qmtwist", *words)
    assert not os.path.isdir(f"{path}/boot") or os.listdir(f"{path}/boot") == []
