"""Mail between servers: two homes of ours, and Postfix on either side; IPv4 and IPv6, by route and by DNS."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.daemon import free_port
from tests.support.network import has_ipv6
from tests.support.peers import Peer
from tests.support.postfix import Postfix
from tests.support.remote import Station, station, wait_until

pytestmark = pytest.mark.system

A, B = "a.example", "b.example"
EVERY_BYTE = (
    b"Subject: bytes\n\n.\n..\n.x\n" + bytes(value for value in range(1, 256) if value not in b"\r\n") + b"\n\n"
)


class Pair(NamedTuple):
    """Two servers that know each other."""

    a: Station  # joe and ann live here
    b: Station  # bob


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    six = free_port()
    options = ("--listen", f"smtp=tcp:{six}:interface=\\:\\:1") if has_ipv6() else ()
    with station("joe", "ann", host=A) as a, station("bob", host=B, options=options) as b:
        a.control(smtproutes=f"{B}:127.0.0.1:{b.smtp_port}\nsix.{B}:[::1]:{six}\n:127.0.0.1:1\n")
        b.control(smtproutes=f"{A}:127.0.0.1:{a.smtp_port}\n:127.0.0.1:1\n", rcpthosts=f"{B}\nsix.{B}\n")
        b.control(locals=f"{B}\nsix.{B}\n")
        yield Pair(a, b)


def arrived(office: Station, user: str, mark: bytes) -> bytes:
    """Wait for the message that has this text."""
    wait_until(lambda: any(mark in found for found in office.home.messages(user)), lambda: "\n".join(office.log[-30:]))
    return next(found for found in office.home.messages(user) if mark in found)


# -- two homes


def test_a_message_goes_from_home_to_home_as_it_is(pair: Pair) -> None:
    pair.a.queue(f"bob@{B}", f"joe@{A}", EVERY_BYTE)
    text = pair.a.outcome(f"bob@{B}")
    assert re.fullmatch(r"success: 127\.0\.0\.1_accepted_message\./Remote_host_said:_250_.*/", text)
    found = arrived(pair.b, "bob", b"Subject: bytes")
    assert found.endswith(EVERY_BYTE)
    assert found.startswith(f"Return-Path: <joe@{A}>\nDelivered-To: bob@{B}\nReceived: ".encode())
    assert f"Received: from {A} (127.0.0.1)".encode() in found or b"(HELO a.example)" in found
    assert found.count(b"\nReceived: ") == 3  # by qmail-queue here, by SMTP there, by the queue there


def test_a_large_message_goes_from_home_to_home(pair: Pair) -> None:
    message = b"Subject: large\n\n" + b"".join(b"%070d\n" % number for number in range(60_000))
    pair.a.send(f"bob@{B}", sender=f"joe@{A}", message=message)
    assert arrived(pair.b, "bob", b"Subject: large").endswith(message[-2_000_000:])


def test_over_ipv6_too(pair: Pair) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    pair.a.send(f"bob@six.{B}", sender=f"joe@{A}", message=b"Subject: six\n\n")
    assert pair.a.outcome(f"bob@six.{B}").startswith("success: ::1_accepted_message./")
    arrived(pair.b, "bob", b"Subject: six")


def test_who_is_refused_far_away_comes_back_as_a_bounce(pair: Pair) -> None:
    pair.a.send(f"nobody@{B}", sender=f"ann@{A}", message=b"Subject: to nobody\n\n")
    assert pair.a.outcome(f"nobody@{B}").startswith(
        "failure: 127.0.0.1_does_not_like_recipient./Remote_host_said:_550_"
    )
    bounce = arrived(pair.a, "ann", b"Subject: to nobody")
    assert f"\n<nobody@{B}>:\n127.0.0.1 does not like recipient.\nRemote host said: 550 ".encode() in bounce
    assert b"\nGiving up on 127.0.0.1.\n" in bounce


def test_who_fails_only_after_acceptance_comes_back_from_there_with_the_null_sender(pair: Pair) -> None:
    pair.b.town.file("bob", ".qmail-late", "|echo too late; exit 100\n")
    pair.a.send(f"bob-late@{B}", sender=f"ann@{A}", message=b"Subject: to late\n\n")
    assert pair.a.outcome(f"bob-late@{B}").startswith("success: ")
    bounce = arrived(pair.a, "ann", b"Subject: to late")
    assert bounce.startswith(f"Return-Path: <>\nDelivered-To: ann@{A}\n".encode())
    assert f"\nFrom: MAILER-DAEMON@{B}\n".encode() in bounce and b"\ntoo late\n" in bounce
    assert pair.b.outcome(f"ann@{A}").startswith("success: ")


def test_a_bounce_that_bounces_goes_to_the_postmaster_wherever_he_is(pair: Pair) -> None:
    pair.a.control(doublebouncehost=f"{B}\n", doublebounceto="bob\n")
    try:
        since = pair.a.mark()
        pair.a.queue(f"nobody@{B}", "", b"Subject: from nobody\n\n")
        found = arrived(pair.b, "bob", b"Subject: from nobody")
        assert found.startswith(f"Return-Path: <#@[]>\nDelivered-To: bob@{B}\n".encode())
        pair.a.wait_for(lambda line: " from <#@[]> " in line, since)
    finally:
        pair.a.control(doublebouncehost=None, doublebounceto=None)


def test_a_double_bounce_that_fails_far_away_is_discarded(pair: Pair) -> None:
    since = pair.a.mark()
    pair.a.queue(f"nobody@{B}", "#@[]", b"Subject: thrice\n\n")
    pair.a.wait_for(lambda line: line.startswith("triple bounce: discarding bounce/"), since)


def test_nothing_is_left_behind(pair: Pair) -> None:
    for office in pair:
        office.wait_for_rest()
        wait_until(lambda office=office: office.queued() == 0, lambda office=office: "\n".join(office.log[-30:]))
        assert not [line for line in office.log if "Traceback" in line or "Unhandled" in line]


# -- Postfix

P = "pf.example"


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def address(request: pytest.FixtureRequest) -> str:
    if not has_ipv6(request.param):
        pytest.skip("no IPv6 here")
    chosen: str = request.param
    return chosen


def test_to_postfix_and_from_postfix(open_directory: str, address: str) -> None:
    """Through Postfix to a peer; then to Postfix, which hands it to us. Several recipients, dots, every letter."""
    port = free_port()
    escaped = address.replace(":", "\\:")
    message = b"Subject: to postfix\n\n.\n..dots\n\xe4\xff\n"
    with (
        Peer() as sink,
        station("joe", host=A, options=("--listen", f"smtp=tcp:{port}:interface={escaped}")) as office,
        Postfix(open_directory, P, {P: f"[127.0.0.1]:{sink.port}", A: f"[{address}]:{port}"}, address) as postfix,
    ):
        postfix.start()
        office.control(smtproutes=f":{postfix.route}\n")
        users = [f"user{number}@{P}" for number in range(30)]
        office.send(*users, sender=f"joe@{A}", message=message)
        for user in users:
            assert office.outcome(user).startswith(f"success: {address}_accepted_message./Remote_host_said:_250_2.0.0")
        wait_until(lambda: len(sink.recipients()) == 30, postfix.log)
        assert sorted(sink.recipients()) == sorted(user.encode() for user in users)
        assert all(b"\r\n\r\n.\r\n..dots\r\n\xe4\xff\r\n" in found.body for found in sink.messages)

        with smtplib.SMTP(postfix.address, postfix.port, timeout=30) as client:
            client.sendmail(f"someone@{P}", [f"joe@{A}"], "Subject: from postfix\n\n.hello\n")
        found = arrived(office, "joe", b"Subject: from postfix")
        assert found.startswith(f"Return-Path: <someone@{P}>\n".encode()) and found.endswith(b"\n\n.hello\n")

        with smtplib.SMTP(postfix.address, postfix.port, timeout=30) as client:
            client.sendmail(f"someone@{P}", [f"nobody@{A}"], "Subject: bounced\n\n")
        wait_until(lambda: f"someone@{P}".encode() in sink.recipients(), postfix.log)
        bounce = next(found for found in sink.messages if f"someone@{P}".encode() in found.recipients)
        assert b"Subject: bounced" in bounce.body and bounce.sender.startswith(b"<>")
