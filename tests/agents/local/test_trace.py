"""What would become of mail for an address."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.agents.local.trace import GOOD, LATER, NOBODY, Tracer
from qmtwist.cli.control import trace as command
from qmtwist.cli.users import qmail_newu
from qmtwist.control.complaints import Complaints

H = "here.example"


class Place:
    """A home in which users/assign names joe, who has a directory, root and alias."""

    def __init__(self, path: Path) -> None:
        self.home = str(path)
        for name in ("control", "users", "joe", "alias"):
            (path / name).mkdir(mode=0o755)
        self.joe = path / "joe"
        self.control("me", H)
        self.control("virtualdomains", "v.example:joe")
        self.control("smtproutes", ":[192.0.2.1]:26\nown.example:")
        self.control("defaultdelivery", "./Mailbox")
        uid, gid = os.getuid() or 12345, os.getgid() or 12345
        lines = [f"=joe:joe:{uid}:{gid}:{self.joe}:::", f"+joe-:joe:{uid}:{gid}:{self.joe}:-::", "=root:root:0:0:/:::"]
        lines += [f"+:alias:{uid}:{gid}:{path}/alias:-::", ".\n"]
        (path / "users/assign").write_text("\n".join(lines))
        assert qmail_newu.main([], self.home) == 0

    def control(self, name: str, text: str) -> None:
        Path(self.home, "control", name).write_text(f"{text}\n")

    def trace(self, address: str) -> tuple[str, str]:
        """The verdict, and the last line."""
        traced = Tracer(self.home).trace(address.encode())
        return traced.verdict, traced.lines[-1].decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_default_delivery_serves_who_has_no_file(place: Place) -> None:
    assert place.trace("joe") == (GOOD, "    into the mbox ./Mailbox")
    (place.joe / ".qmail").touch(0o644)
    lines = Tracer(place.home).trace(b"joe@here.example").lines
    assert lines[-2:] == (
        f"{place.joe}/.qmail is empty; control/defaultdelivery says:".encode(),
        b"    into the mbox ./Mailbox",
    )


def test_the_file_that_serves_an_extension_is_shown(place: Place) -> None:
    (place.joe / ".qmail-x-default").write_text("./Maildir/\nann\n|prog a\n")
    lines = Tracer(place.home).trace(b"x-y@V.example").lines
    assert lines == (
        b"control/virtualdomains has v.example: it stays here, as mail for joe-x-y",
        lines[1],
        f"{place.joe}/.qmail-x-default says:".encode(),
        b"    into the maildir ./Maildir/",
        b"    on to ann",
        b"    to the program prog a",
    )
    assert lines[1].startswith(b"by users/assign it belongs to joe (uid ")


def test_the_owner_of_a_list_is_told(place: Place) -> None:
    (place.joe / ".qmail-list").write_text("ann\n")
    (place.joe / ".qmail-list-owner").touch()
    assert place.trace("joe-list") == (GOOD, f"what is sent on has the sender joe-list-owner@{H}")


def test_who_does_not_exist_is_nobody(place: Place) -> None:
    wanted = (NOBODY, "it would come back: Sorry, no mailbox here by that name. (#5.1.1)")
    assert place.trace("nobody") == place.trace("joe-nothing") == wanted


def test_what_would_wait_is_later(place: Place) -> None:
    assert place.trace("root") == (LATER, "it would wait: Not allowed to perform deliveries as root.")
    (place.joe / ".qmail-open").touch()
    (place.joe / ".qmail-open").chmod(0o646)
    assert place.trace("joe-open") == (LATER, "it would wait: Uh-oh: .qmail file is writable. (#4.7.0)")
    (place.joe / ".qmail-bad").write_text("ann\n|y\n")
    (place.joe / ".qmail-bad").chmod(0o744)
    traced = Tracer(place.home).trace(b"joe-bad")
    assert traced.verdict == LATER and traced.lines[-2] == b"    on to ann"
    place.joe.chmod(0o777)
    assert place.trace("joe") == (LATER, "it would wait: Uh-oh: home directory is writable. (#4.7.0)")
    place.joe.chmod(0o1755)
    assert place.trace("joe")[1].startswith("it would wait: Home directory is sticky: ")
    (Path(place.home) / "users/cdb").write_bytes(b"no database")
    assert place.trace("joe") == (LATER, "it would wait: Trouble reading users/cdb in qmail-lspawn.")


def test_a_relay_is_named_with_its_address(place: Place) -> None:
    assert place.trace("a@far.example") == (GOOD, "    192.0.2.1 port 26, [192.0.2.1] (0)")


def test_a_name_server_that_does_not_answer_is_later(place: Place) -> None:
    place.control("nameservers", "127.0.0.1:1")
    verdict, last = place.trace("a@own.example")
    assert verdict == LATER and last.startswith("it would wait: ")


def test_what_is_no_address_is_nobody(place: Place) -> None:
    assert place.trace("a@b(c") == (NOBODY, "this is no address")
    assert place.trace(f"@{H}") == (GOOD, "it has no local part: it is thrown away")


def test_a_home_that_makes_no_sense_is_said(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    os.unlink(f"{place.home}/control/me")
    with pytest.raises(Complaints):
        Tracer(place.home)
    assert command.trace([b"joe"], place.home, command.Exits(67, 75)) == 75
    assert capfd.readouterr().err.startswith("qmtwist trace: fatal: control/me: is missing")


def test_a_null_clients_mail_goes_to_the_hub(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkdir(f"{place.home}/bin")
    os.symlink("qmail-qmqpc", f"{place.home}/bin/qmail-queue")
    assert command.main([b"--home", os.fsencode(place.home), b"joe"], "/nowhere") == 0
    assert capfd.readouterr().out == "joe\n    the hub of control/qmqpservers gets it\n"


def test_the_worst_verdict_is_the_status(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    exits = command.Exits(67, 75)
    assert command.trace([b"joe"], place.home, exits) == 0
    assert command.trace([b"joe", b"root"], place.home, exits) == 75
    assert command.trace([b"nobody", b"joe", b"root"], place.home, exits) == 67
    assert capfd.readouterr().out.split("\n    ")[0] == "joe"
