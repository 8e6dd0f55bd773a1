"""What a recorded session shows, and what it does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.recording import PIECE_BYTES, Recording
from tests.support.cuts import cuts


def record(*turns: tuple[str, bytes]) -> list[bytes]:
    log: list[bytes] = []
    recording = Recording(b"r", log.append)
    for arrow, data in turns:
        (recording.received if arrow == "<" else recording.sent)(data)
    recording.ended()
    return log


def test_what_a_server_asked_for_with_334_or_a_plus_is_hidden() -> None:
    for question in (b"334 UGFzc3dvcmQ6\r\n", b"+ \r\n", b"+\r\n"):
        log = record(("<", b"AUTH LOGIN\r\n"), (">", question), ("<", b"c2VjcmV0\r\n"), ("<", b"NOOP\r\n"))
        assert log[0] == b"r < AUTH LOGIN " and log[2:] == [b"r < ****** ", b"r < NOOP ", b"r < [EOF]"]


def test_a_cut_line_ends_with_a_plus_and_foreign_bytes_are_escaped() -> None:
    assert record(("<", b"a\x1bb")) == [b"r < a\\x1bb+", b"r < [EOF]"]
    assert record((">", b"x" * (PIECE_BYTES + 1) + b"\n")) == [
        b"r > " + b"x" * PIECE_BYTES + b"+",
        b"r > x ",
        b"r < [EOF]",
    ]


def test_a_secret_longer_than_a_piece_stays_one() -> None:
    log = record(("<", b"PASS " + b"s" * 1000), ("<", b"ecret\r\nNOOP\r\n"))
    assert b"s" not in b"".join(log) and log[-2] == b"r < NOOP "


@given(st.sampled_from([b"PASS", b"pass", b"APOP joe", b"AUTH PLAIN", b" PASS"]), st.data())
def test_where_a_command_is_cut_never_shows_its_secret(verb: bytes, data: st.DataObject) -> None:
    pieces = data.draw(cuts(verb + b" Qx7zK9\r\nNOOP\r\n"))
    log = record(*[("<", piece) for piece in pieces])
    assert b"Qx7" not in b"".join(log) and b"K9" not in b"".join(log)
    assert log[0].endswith(b" ****** ") and log[1] == b"r < NOOP "
