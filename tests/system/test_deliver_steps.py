"""qmail's TEST.deliver and TEST.receive, step by step, between two machines: the documents' commands and log lines."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.remote import Station, station, wait_until
from tests.support.town import Town

pytestmark = pytest.mark.system

HERE, WHEREVER = "here.example", "wherever.example"


class Machines(NamedTuple):
    """Ours, where joe sits, and another, where ann does."""

    here: Station
    wherever: Station


def prepare(made: Town) -> None:
    """INSTALL's aliases, and ./Mailbox as the default."""
    made.write("control/defaultdelivery", "./Mailbox\n")
    for name in ("postmaster", "mailer-daemon", "root"):
        made.alias(name, "")


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with (
        station("joe", host=HERE, prepare=prepare) as here,
        station("ann", host=WHEREVER, prepare=prepare) as wherever,
    ):
        here.control(smtproutes=f"{WHEREVER}:127.0.0.1:{wherever.smtp_port}\n")
        wherever.control(smtproutes=f"{HERE}:127.0.0.1:{here.smtp_port}\n")
        yield Machines(here, wherever)


def type_in(machine: Station, user: str, line: str, text: str = "") -> int:
    """What a person types into a shell; where the log ended before. `/var/qmail` is the machine's home."""
    since = machine.mark()
    line = line.replace("/var/qmail", machine.town.path)
    ended = machine.town.attempt("/bin/sh", "-c", line, text=text, user=user, more={"USER": user})
    assert ended.returncode == 0, ended
    return since


def mailbox(machine: Station, user: str) -> str:
    """A person's ~/Mailbox, or alias's."""
    if user != "alias":
        return machine.town.read(user, "Mailbox")
    try:
        with open(f"{machine.town.path}/alias/Mailbox", encoding="latin-1") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def look_for(machine: Station, user: str, *words: str) -> None:
    """Wait until all of these stand in a mailbox."""
    wait_until(
        lambda: all(word in mailbox(machine, user) for word in words),
        lambda: f"{words} not in {mailbox(machine, user)}\n" + "\n".join(machine.log[-30:]),
    )


def log_of(machine: Station, since: int, *patterns: str) -> None:
    """The log since then, without status lines, begins with these lines."""
    wait_until(lambda: len(told(machine, since)) >= len(patterns), lambda: "\n".join(told(machine, since)))
    for line, pattern in zip(told(machine, since), patterns, strict=False):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"


def told(machine: Station, since: int) -> list[str]:
    """What qmail's log would have said."""
    return [
        line for line in machine.log[since:] if line.startswith(("new ", "info ", "start", "deliv", "bounce", "end "))
    ]


def test_step_11_the_log_begins(machines: Machines) -> None:
    assert "status: local 0/10 remote 0/20" in machines.here.log


def test_step_12_local_local(machines: Machines) -> None:
    since = type_in(machines.here, "joe", "echo to: joe | /var/qmail/bin/qmail-inject")
    log_of(
        machines.here,
        since,
        r"new msg \d+",
        rf"info msg \d+: bytes \d+ from <joe@{HERE}> qp \d+ uid \d+",
        rf"starting delivery \d+: msg \d+ to local joe@{HERE}",
        r"delivery \d+: success: did_1\+0\+0/",
        r"end msg \d+",
    )
    look_for(machines.here, "joe", f"Delivered-To: joe@{HERE}\n")


def test_step_13_local_error(machines: Machines) -> None:
    """S086."""
    since = type_in(machines.here, "joe", "echo to: nonexistent | /var/qmail/bin/qmail-inject")
    log_of(
        machines.here,
        since,
        r"new msg \d+",
        r"info msg \d+: bytes \d+ from .*",
        rf"starting delivery \d+: msg \d+ to local nonexistent@{HERE}",
        r"delivery \d+: failure: Sorry,_no_mailbox_here_by_that_name\._\(#5\.1\.1\)/",
        r"bounce msg \d+ qp \d+",
        r"end msg \d+",
        r"new msg \d+",
        r"info msg \d+: bytes \d+ from <> qp \d+ uid \d+",
        rf"starting delivery \d+: msg \d+ to local joe@{HERE}",
        r"delivery \d+: success: did_1\+0\+0/",
        r"end msg \d+",
    )
    look_for(machines.here, "joe", f"\n<nonexistent@{HERE}>:\n")


def test_step_14_local_remote(machines: Machines) -> None:
    since = type_in(machines.here, "joe", f"echo to: ann@{WHEREVER} | /var/qmail/bin/qmail-inject")
    log_of(
        machines.here,
        since,
        r"new msg \d+",
        r"info msg \d+: bytes \d+ from .*",
        rf"starting delivery \d+: msg \d+ to remote ann@{WHEREVER}",
        r"delivery \d+: success: 127\.0\.0\.1_accepted_message\./Remote_host_said:_250_.*/",
        r"end msg \d+",
    )
    look_for(machines.wherever, "ann", f"Return-Path: <joe@{HERE}>\n", f"\nto: ann@{WHEREVER}\n")


def test_step_15_local_postmaster(machines: Machines) -> None:
    type_in(machines.here, "joe", "echo to: POSTmaster | /var/qmail/bin/qmail-inject")
    look_for(machines.here, "alias", f"Delivered-To: POSTmaster@{HERE}\n")


def test_step_16_double_bounce(machines: Machines) -> None:
    text = "To: unknownuser\nSubject: testing\n\nThis is a test. This is only a test.\n"
    type_in(machines.here, "joe", "/var/qmail/bin/qmail-inject -f nonexistent", text)
    look_for(machines.here, "alias", f"\n<nonexistent@{HERE}>:\n", f"\n<unknownuser@{HERE}>:\n", "This is only a test.")


def test_step_17_group_membership(machines: Machines) -> None:
    made = machines.here.town
    if not made.is_real:
        pytest.skip("needs root: accounts of their own")
    made.file("joe", ".qmail-groups", "|id -G >> MYGROUPS; exit 0\n")
    type_in(machines.here, "joe", "/var/qmail/bin/qmail-inject joe-groups < /dev/null")
    wait_until(
        lambda: made.read("joe", "MYGROUPS") == f"{made.owner('joe')[1]}\n", lambda: made.read("joe", "MYGROUPS")
    )


def test_step_18_smtp_server(machines: Machines) -> None:
    said = []
    with socket.create_connection(("127.0.0.1", machines.here.smtp_port), 30) as connection:
        stream = connection.makefile("rb")
        said.append(stream.readline())
        for line in ("helo dude", f"mail <ann@{WHEREVER}>", f"rcpt <joe@{HERE}>", "data"):
            connection.sendall(line.encode() + b"\r\n")
            said.append(stream.readline())
        connection.sendall(b"Subject: testing\r\n\r\nThis is a test by hand.\r\n.\r\nquit\r\n")
        said += stream.readlines()
        stream.close()
    assert [line[:4] for line in said] == [b"220 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"221 "], said
    assert re.fullmatch(rb"220 here\.example ESMTP\r\n", said[0]) and re.search(rb"ok \d+ qp \d+\r\n", said[5])
    look_for(machines.here, "joe", "This is a test by hand.")


def test_step_19_remote_local(machines: Machines) -> None:
    type_in(machines.wherever, "ann", f"echo to: joe@{HERE} | /var/qmail/bin/qmail-inject")
    look_for(machines.here, "joe", f"Return-Path: <ann@{WHEREVER}>\n", f"\nto: joe@{HERE}\n")


def test_step_20_remote_error(machines: Machines) -> None:
    since = type_in(machines.wherever, "ann", f"echo to: nonexistent@{HERE} | /var/qmail/bin/qmail-inject")
    look_for(machines.wherever, "ann", f"\n<nonexistent@{HERE}>:\n", "Remote host said: 550 ")
    assert machines.wherever.outcome(f"nonexistent@{HERE}", since).startswith("failure: ")


@pytest.mark.parametrize("program", ["sendmail -t", "sendmail -oem -oi -t", "qmail-inject"])
def test_step_21_user_agent(machines: Machines, program: str) -> None:
    """A local and a remote message in the ways in which user agents hand them over."""
    for to, machine, user in ((f"joe@{HERE}", machines.here, "joe"), (f"ann@{WHEREVER}", machines.wherever, "ann")):
        text = f"To: {to}\nSubject: by {program}\n\nHello\n"
        type_in(machines.here, "joe", f"/var/qmail/bin/{program}", text)
        look_for(machine, user, f"\nSubject: by {program}\n")


def test_step_22_remote_postmaster(machines: Machines) -> None:
    type_in(machines.wherever, "ann", f"echo to: PoStMaStEr@{HERE} | /var/qmail/bin/qmail-inject")
    look_for(machines.here, "alias", f"Return-Path: <ann@{WHEREVER}>\nDelivered-To: PoStMaStEr@{HERE}\n")
