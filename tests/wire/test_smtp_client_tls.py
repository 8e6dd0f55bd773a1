"""The SMTP client core and TLS: asked for, refused, failed, and what may not be said in clear."""

from __future__ import annotations

import pytest

from qmtwist.wire.outgoing import Capabilities, Lost, Ready, StartTls, Tls, Wait
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA
from qmtwist.wire.smtp.client import ClientSession
from tests.support.smtp_client import EHLO, OFFERS, PLAIN, client, greeted, letter, reports

STARTTLS = b"250-mx.example.net\r\n250-PIPELINING\r\n250 STARTTLS\r\n"


def offered(tls: Tls, reply: bytes = STARTTLS) -> ClientSession:
    session = client(tls)
    session.receive(b"220 hi\r\n")
    assert session.next_event() is NEED_DATA
    session.receive(reply)
    return session


@pytest.mark.parametrize("tls", [Tls.MAY, Tls.MUST])
def test_after_starttls_everything_is_asked_again(tls: Tls) -> None:
    session = offered(tls)
    assert session.next_event() is NEED_DATA
    assert session.take_output() == EHLO + b"STARTTLS\r\n"
    session.receive(b"220 go\r\n")
    assert isinstance(session.next_event(), StartTls)
    assert session.next_event() is NEED_ANSWER and session.wait is Wait.TLS
    session.tls_started()
    assert session.take_output() == EHLO
    session.receive(b"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n")
    assert session.next_event() == Ready(Capabilities(has_size=True, has_starttls=True))


def test_what_was_offered_in_clear_is_forgotten_under_tls() -> None:
    session = offered(Tls.MUST)
    session.next_event()
    session.receive(b"220 go\r\n")
    assert isinstance(session.next_event(), StartTls)
    session.tls_started()
    for reply in (b"502 what\r\n", PLAIN):
        event = session.next_event()
        session.receive(reply)
        event = session.next_event()
    assert event == Ready(Capabilities())


@pytest.mark.parametrize("tls", [Tls.MAY, Tls.MUST])
def test_421_to_starttls_is_a_farewell(tls: Tls) -> None:
    session = offered(tls)
    session.next_event()
    session.receive(b"421 bye\r\n")
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.may_try_next_host


def test_tls_is_not_asked_for_where_it_is_not_wanted() -> None:
    assert isinstance(offered(Tls.NONE).next_event(), Ready)


@pytest.mark.parametrize("reply", [b"454 later\r\n", b"502 what\r\n", b"250 odd\r\n"])
def test_a_refused_starttls_is_passed_over_only_where_clear_text_will_do(reply: bytes) -> None:
    may, must = offered(Tls.MAY), offered(Tls.MUST)
    for session in (may, must):
        session.next_event()
        session.receive(reply)
    assert isinstance(may.next_event(), Ready)
    lost = must.next_event()
    assert isinstance(lost, Lost) and lost.result is not None and lost.may_try_next_host
    text = b"Connected to 192.0.2.1 but STARTTLS failed.\nRemote host said: " + reply.replace(b"\r", b"")
    assert lost.result == ((), b"Z", text)


@pytest.mark.parametrize("hello", [PLAIN, OFFERS, b"502 what\r\n"])
def test_nothing_is_sent_in_clear_where_tls_is_demanded(hello: bytes) -> None:
    sender = greeted(hello, letter(), tls=Tls.MUST)
    assert sender.wrote == EHLO + b"QUIT\r\n"
    text = b"ZConnected to 192.0.2.1 but it offers no STARTTLS, which control/tlspolicy demands. (#4.7.4)\n\0"
    assert reports(sender) == [text]


@pytest.mark.parametrize("injected", [b"2", b"250 ok\r\n", b"250-evil\r\n250 SIZE 1\r\n"])
def test_clear_text_behind_the_answer_to_starttls_ends_the_connection(injected: bytes) -> None:
    before, behind, late = offered(Tls.MAY, STARTTLS + injected), offered(Tls.MAY), offered(Tls.MAY)
    behind.next_event()
    behind.receive(b"220 go\r\n" + injected)
    late.next_event()
    late.receive(b"220 go\r\n")
    late.next_event()
    late.receive(injected)
    late.tls_started()
    for session in (before, behind, late):
        lost = session.next_event()
        assert isinstance(lost, Lost) and lost.result is not None and lost.result.letter == b"Z"
        assert b"clear text" in lost.result.text
        assert b"MAIL" not in session.take_output()


def test_a_failed_handshake_is_reported_with_its_reason() -> None:
    session = offered(Tls.MAY)
    session.next_event()
    session.receive(b"220 go\r\n")
    session.next_event()
    session.tls_failed(b"certificate has expired")
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.result is not None
    assert lost.result.text == b"Connected to 192.0.2.1 but TLS failed: certificate has expired. (#4.7.5)\n"
