from __future__ import annotations

import pytest

from qmtwist.wire.pop3 import CAPABILITIES, OK
from qmtwist.wire.pop3_command import CommandReader
from qmtwist.wire.pop3_login import REFUSED, Credentials, Login
from qmtwist.wire.pop3_phase import Hangup
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA

CHALLENGE = b"<7.1000@pop.example.org>"


def phase(is_classic: bool = False, challenge: bytes | None = CHALLENGE) -> Login:
    core = Login(CommandReader(), challenge, b"pop.example.org", is_classic)
    core.take_output()
    return core


def events(core: Login, pieces: list[bytes]) -> tuple[list[object], bytes]:
    """What is asked for, each login refused, and what the client reads."""
    found: list[object] = []
    out = b""
    for piece in pieces:
        core.receive(piece)
        while True:
            event = core.next_event()
            out += core.take_output()
            if not isinstance(event, Credentials):
                break
            found.append(event)
            core.refused(REFUSED, is_last=False)
        if isinstance(event, Hangup):
            break
    return found, out


def test_the_greeting_shows_the_challenge_or_none() -> None:
    assert Login(CommandReader(), CHALLENGE).take_output() == b"+OK <7.1000@pop.example.org>\r\n"
    greeting = Login(CommandReader(), None, b"pop.example.org").take_output()
    assert greeting == b"+OK pop.example.org POP3 service\r\n"


SCRIPT = (
    b"PASS x\r\nUSER\r\nUSER joe smith \r\nPASS\r\nCAPA\r\nSTAT\r\nPASS  two words  \r\nAPOP joe\r\nAPOP ann  0a0b\r\n"
    b"noop\n\r\nUSER a\r\nUSER b\r\nPASS p\r\nQUIT\r\nNOOP\r\n"
)


@pytest.mark.parametrize("is_classic", [True, False])
def test_where_the_commands_are_cut_never_matters(is_classic: bool) -> None:
    whole = events(phase(is_classic), [SCRIPT])
    assert whole[0] == [
        Credentials(b"joe smith ", b"two words  ", False),
        Credentials(b"ann", b" 0a0b", True),
        Credentials(b"b", b"p", False),
    ]
    for at in range(len(SCRIPT)):
        assert events(phase(is_classic), [SCRIPT[:at], SCRIPT[at:]]) == whole
    assert events(phase(is_classic), [SCRIPT[at : at + 1] for at in range(len(SCRIPT))]) == whole


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"USER joe", b"+OK \r\n"),
        (b"USER ", b"-ERR syntax error\r\n"),
        (b"PASS x", b"-ERR USER first\r\n"),
        (b"APOP joe", b"-ERR syntax error\r\n"),
        (b"STLS", b"-ERR authorization first\r\n"),
        (b"", b"-ERR authorization first\r\n"),
        (b"NOOP x", b"+OK \r\n"),
    ],
)
def test_answers(line: bytes, answer: bytes) -> None:
    assert events(phase(), [line + b"\r\n"]) == ([], answer)
    assert events(phase(is_classic=True), [line + b"\r\n"]) == ([], answer)


def test_capa_is_answered_in_the_mended_manner_only() -> None:
    assert events(phase(), [b"CAPA\r\n"])[1] == CAPABILITIES
    assert events(phase(is_classic=True), [b"CAPA\r\n"])[1] == b"-ERR authorization first\r\n"


def test_commands_behind_a_password_wait_for_the_decision() -> None:
    core = phase()
    core.receive(b"USER joe\r\nPASS x\r\nNOOP\r\n")
    assert core.next_event() == Credentials(b"joe", b"x", False)
    assert core.next_event() is NEED_ANSWER
    assert core.take_output() == OK
    core.refused(REFUSED, is_last=False)
    assert core.next_event() is NEED_DATA
    assert core.take_output() == REFUSED + OK


def test_after_a_refused_password_the_name_must_be_given_again() -> None:
    core = phase()
    _, out = events(core, [b"USER joe\r\nPASS x\r\nPASS y\r\n"])
    assert out == OK + REFUSED + b"-ERR USER first\r\n"


def test_the_last_refusal_hangs_up() -> None:
    core = phase()
    core.receive(b"USER joe\r\nPASS x\r\nNOOP\r\n")
    core.next_event()
    core.refused(REFUSED, is_last=True)
    assert isinstance(core.next_event(), Hangup)
    assert core.take_output() == OK + REFUSED


def test_quit_is_answered_and_ends() -> None:
    core = phase()
    core.receive(b"QUIT\r\nNOOP\r\n")
    assert isinstance(core.next_event(), Hangup)
    assert core.take_output() == OK


def test_a_nul_never_gets_into_a_name_or_password() -> None:
    assert events(phase(), [b"USER joe\r\nPASS a\0b\r\n"]) == ([], OK + b"-ERR syntax error\r\n")
    found, _ = events(phase(is_classic=True), [b"USER joe\0x\r\nPASS a\0b\r\n"])
    assert found == [Credentials(b"joe", b"a", False)]


def test_a_password_is_not_shown_by_repr() -> None:
    assert "hunter2" not in repr(Credentials(b"joe", b"hunter2", False))
