"""A bounce handler of one's own learns whose mail came back: from other hosts' bounces by the address alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.daemon import TOP, running
from tests.support.remote import wait_until
from tests.support.town import HOST, Office, town

pytestmark = pytest.mark.system

FAR = "far.example"
THERE = f"odd=name@{FAR}"  # a name with the very character that stands for the @
HERE = f"gone@{HOST}"
SECTION = re.compile(r"^### 4\.2 [^\n]*\n(.*?)^##", re.M | re.S)
HANDLER = re.compile(r"^\$ (.* > ~/\.qmail-team-owner-default)$", re.M)


class Hosts(NamedTuple):
    """Two servers that send each other mail."""

    near: Office
    far: Office


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with town("joe", "ann") as here, town("bob", host=FAR) as there:
        near, far = Office(here), Office(there)
        here.write("control/smtproutes", f":127.0.0.1:{far.smtp_port}\n")
        there.write("control/smtproutes", f":127.0.0.1:{near.smtp_port}\n")
        there.write("control/rcptcheck", "0\n")  # as hosts do that accept first and bounce later
        with running(near), running(far):
            yield Hosts(near, far)


def shell(office: Office, text: str) -> None:
    home, made = office.town.directory("joe"), office.town
    made.run("/bin/sh", "-ec", f"export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}", user="joe")


def documented() -> str:
    """The command of the answer to question 4.2 that makes the handler."""
    with open(os.path.join(TOP, "docs/howto/faq.md"), encoding="utf-8") as stream:
        (section,) = SECTION.findall(stream.read())
    (command,) = HANDLER.findall(section)
    return str(command)


def test_a_bounce_handler_sees_who_did_not_get_it(hosts: Hosts) -> None:
    """S291: the handler of docs/howto/faq.md; one address fails at another host, one at this, two get their copy."""
    near, made = hosts.near, hosts.near.town
    made.file("joe", ".qmail-team", f"ann@{HOST}\n{THERE}\n{HERE}\nbob@{FAR}\n")
    shell(near, "touch ~/.qmail-team-owner\n" + documented())
    shell(near, "echo to: joe-team | qmail-inject")
    wait_until(lambda: len(made.read("joe", "bounced").split()) == 2, lambda: "\n".join(near.log + hosts.far.log))
    assert sorted(made.read("joe", "bounced").splitlines()) == sorted([THERE, HERE])
    near.wait_for_line(f"to local joe-team-owner-odd=name={FAR}@{HOST}")
    for office, user in ((near, "ann"), (hosts.far, "bob")):
        sender = f"joe-team-owner-{user}={office.town.host}@{HOST}"
        assert office.wait_for_messages(user, 1)[0].startswith(f"Return-Path: <{sender}>\n".encode())


def test_a_text_that_looks_like_a_bounce_names_nobody(hosts: Hosts) -> None:
    """S291: the message below the bounce's own words is not read."""
    near, made = hosts.near, hosts.near.town
    made.file("joe", "bounced", "")
    made.file("joe", ".qmail-team", f"{HERE}\n")
    shell(near, "touch ~/.qmail-team-owner\n" + documented())
    near.deliver(f"joe-team@{HOST}", message=f"Subject: x\n\n<ann@{HOST}>:\nSorry.\n".encode())
    wait_until(lambda: made.read("joe", "bounced") != "")
    assert made.read("joe", "bounced") == f"{HERE}\n"
