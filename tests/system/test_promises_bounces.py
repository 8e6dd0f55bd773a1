"""Bounces and the log as the documents promise them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
MESSAGE = b"Subject: to nobody\n\nbody\n"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "dave") as made, running(Office(made)) as daemon:
        yield daemon


def set_control(office: Office, **files: str | None) -> None:
    """Write (or remove) control files and let the server read them."""
    since = office.mark()
    for name, text in files.items():
        if text is None:
            os.unlink(f"{office.town.path}/control/{name}")
        else:
            office.town.write(f"control/{name}", text)
    office.signal(signal.SIGHUP)
    office.wait_for_line("control: ", since)


def test_a_bounce_says_what_the_documents_show(office: Office) -> None:
    """S121, S122, S023, S084, S127."""
    office.town.forget("ann")
    office.town.file("joe", ".qmail-full", "|echo quota of joe exceeded; exit 100\n")
    since = office.mark()
    office.queue(f"joe-full@{H}", f"ann@{H}", b"From: not-me@far.example\n" + MESSAGE)
    (bounce,) = office.wait_for_messages("ann", 1)
    text = bounce.decode()
    assert text.startswith(f"Return-Path: <>\nDelivered-To: ann@{H}\n")
    assert f"\nFrom: MAILER-DAEMON@{H}\nTo: ann@{H}\nSubject: failure notice\n\n" in text
    assert f"Hi. This is the qmail-send program at {H}.\nI'm afraid I wasn't able to deliver" in text
    assert f"\n<joe-full@{H}>:\nquota of joe exceeded\n\n--- Below this line is a copy of the message.\n\n" in text
    assert text.endswith("\n\nbody\n") and f"Return-Path: <ann@{H}>\n" in text
    bounced = office.wait_for(lambda line: line.startswith("bounce msg "), since).split()
    assert bounced[3] == "qp" and bounced[4].isdigit()
    office.wait_for(
        lambda line: re.fullmatch(rf"info msg \d+: bytes \d+ from <> qp {bounced[4]} uid \d+", line) is not None
    )


def test_the_author_of_bounces_can_be_named(office: Office) -> None:
    """S023."""
    set_control(office, bouncefrom="Postal Service\n", bouncehost="bounces.example\n")
    office.town.forget("ann")
    office.deliver(f"joe-nobody@{H}", f"ann@{H}", MESSAGE)
    (bounce,) = office.wait_for_messages("ann", 1)
    assert b'\nFrom: "Postal Service"@bounces.example\n' in bounce or b"Postal Service@bounces.example" in bounce
    set_control(office, bouncefrom=None, bouncehost=None)


def test_double_and_triple_bounces(office: Office) -> None:
    """S123, S030: to postmaster with sender #@[]; elsewhere if so told; to nobody if that fails too."""
    made = office.town
    made.alias("postmaster", f"&dave@{H}\n")
    made.forget("dave")
    since = office.mark()
    office.queue(f"joe-nobody@{H}", f"joe-nobody-too@{H}", MESSAGE)
    (double,) = office.wait_for_messages("dave", 1)
    assert b"\nTo: postmaster@test.example\n" in double and b"I tried to deliver a bounce message" in double
    office.wait_for(lambda line: " from <#@[]> " in line, since)
    set_control(office, doublebounceto="ann\n", doublebouncehost=f"{H}\n")
    made.forget("ann")
    office.queue(f"joe-nobody@{H}", f"joe-nobody-too@{H}", MESSAGE)
    office.wait_for_messages("ann", 1)
    set_control(office, doublebounceto="joe-nobody\n")
    office.queue(f"joe-nobody@{H}", f"joe-nobody-too@{H}", MESSAGE)
    office.wait_for(lambda line: "triple bounce: discarding bounce/" in line, since)
    set_control(office, doublebounceto="\n")
    made.forget("dave")
    since = office.mark()
    office.queue(f"joe-nobody@{H}", f"joe-nobody-too@{H}", MESSAGE)
    office.wait_for(lambda line: "from <> " in line, since)
    number = office.wait_for(lambda line: "from <> " in line, since).split()[2].rstrip(":")
    office.wait_for(lambda line: line == f"end msg {number}", since)
    assert made.messages("dave") == []
    set_control(office, doublebounceto=None, doublebouncehost=None)


def test_bounces_of_a_list_go_to_its_owner(office: Office) -> None:
    """S124."""
    made = office.town
    made.file("joe", ".qmail-sos", f"&joe-nobody@{H}\n")
    made.file("joe", ".qmail-sos-owner", f"&ann@{H}\n")
    made.forget("ann")
    office.deliver(f"joe-sos@{H}")
    (bounce,) = office.wait_for_messages("ann", 1)
    assert f"\nTo: joe-sos-owner@{H}\n".encode() in bounce


def test_bounces_of_variable_senders_go_to_their_owner(office: Office) -> None:
    """S125: `list-owner-@host-@[]` bounces to `list-owner-@host`."""
    made = office.town
    made.file("joe", ".qmail-v", f"&joe-nobody@{H}\n&dave@{H}\n")
    made.file("joe", ".qmail-v-owner", "")
    made.file("joe", ".qmail-v-owner-default", f"&ann@{H}\n")
    for user in ("ann", "dave"):
        made.forget(user)
    office.deliver(f"joe-v@{H}")
    (arrived,) = office.wait_for_messages("dave", 1)
    assert arrived.startswith(f"Return-Path: <joe-v-owner-dave={H}@{H}>\n".encode())
    (bounce,) = office.wait_for_messages("ann", 1)
    assert f"\nTo: joe-v-owner-@{H}\n".encode() in bounce


def test_the_log_of_a_message(office: Office) -> None:
    """S079, S080, S081, S082, S087: every line, in the documents' words."""
    since = office.mark()
    office.queue(f"dave@{H}", "once@far.example", MESSAGE)
    told = office.wait_for(lambda line: "from <once@far.example>" in line, since)
    number = told.split()[2].rstrip(":")
    office.wait_for_line(f"end msg {number}", since)
    lines = office.log[since:]  # with those of a bounce that an earlier message left on its way
    begun = next(at for at, line in enumerate(lines) if f": msg {number} to " in line)
    delivery = lines[begun].split()[2].rstrip(":")
    ended = next(at for at, line in enumerate(lines) if line.startswith(f"delivery {delivery}:"))
    order = [lines.index(f"new msg {number}"), lines.index(told), begun, ended, lines.index(f"end msg {number}")]
    assert order == sorted(order)
    assert re.fullmatch(rf"info msg {number}: bytes \d+ from <once@far\.example> qp \d+ uid \d+", told)
    assert lines[begun] == f"starting delivery {delivery}: msg {number} to local dave@test.example"
    assert re.fullmatch(r"status: local [1-9]/10 remote 0/20", lines[begun + 1])
    assert lines[ended] == f"delivery {delivery}: success: did_1+0+0/"
    assert re.fullmatch(r"status: local \d/10 remote 0/20", lines[ended + 1])
