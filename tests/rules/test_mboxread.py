"""rules/mboxread: what was quoted comes back, wherever the file is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.mboxquote import from_line, maildir_sender, quoted
from qmtwist.rules.mboxread import Start, from_date, marks, read_mbox
from tests.support.cuts import cuts

LINES = st.sampled_from([b"From a", b">From b", b">>From c", b">", b"", b"From", b"x\r", b" From d", b"\0\xff", b"y"])
MESSAGES = st.lists(st.lists(LINES, max_size=6).map(lambda lines: b"".join(line + b"\n" for line in lines)), max_size=5)


def messages(pieces: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for event in read_mbox(pieces):
        if isinstance(event, Start):
            found.append(b"")
        else:
            found[-1] += event
    return found


def mbox_of(texts: list[bytes]) -> bytes:
    return b"".join(from_line(b"a@b", 1000) + b"".join(quoted([text])) + b"\n" for text in texts)


@given(MESSAGES, st.data())
def test_reading_undoes_quoting_wherever_the_file_is_cut(texts: list[bytes], data: st.DataObject) -> None:
    assert messages(data.draw(cuts(mbox_of(texts)))) == texts


@given(st.integers(0, 4_102_444_800), st.binary(max_size=30).map(lambda sender: sender.replace(b"\r", b"")))
def test_the_date_of_a_from_line_comes_back(now: int, sender: bytes) -> None:
    assert from_date(from_line(sender, now).rstrip(b"\n")) == now


@pytest.mark.parametrize(
    ("line", "date"),
    [
        (b"From a@b Sun Sep  9 01:46:40 2001", 1_000_000_000),
        (b"From a@b Sun Sep  9 01:46 2001", 999_999_960),
        (b"From a@b Sun Sep  9 03:46:40 2001 +0200", 1_000_000_000),
        (b"From a@b Sun Sep  8 21:46:40 -0400 2001", 1_000_000_000),
        (b"From a@b Sun Sep  9 01:46:40 GMT 2001 remote from x", 1_000_000_000),
        (b"From Mon Jan 1 00:00:00 1990 Sun Sep  9 01:46:40 2001", 1_000_000_000),
        (b"From a@b Sun Sep 32 01:46:40 2001", None),
        (b"From a@b Sun Sep 9 25:46:40 2001", None),
        (b"From a@b Sun Sep 9 01:46:40:00 2001", None),
        (b"From a@b Sun Sep 9 noon 2001", None),
        (b"From a@b Sun Sep 9 01:46:40 1969", None),
        (b"From a@b Sun Sep", None),
        (b"From ", None),
    ],
)
def test_dates_as_other_programs_write_them(line: bytes, date: int | None) -> None:
    assert from_date(line) == date


def test_a_long_line_is_not_held() -> None:
    def endless() -> object:
        yield b"From a\n"
        for _ in range(100):
            yield b"x" * 60_000
        yield b"\nFrom b\n"

    events = list(read_mbox(endless()))  # type: ignore[arg-type]
    assert [event for event in events if isinstance(event, Start)] == [Start(b"From a"), Start(b"From b")]
    assert sum(len(event) for event in events if isinstance(event, bytes)) == 6_000_001
    assert max(len(event) for event in events if isinstance(event, bytes)) < 200_000


@pytest.mark.parametrize("text", [b"Subject: a\n\nb\n", b"\nFrom a\n", b"\0", b"x" * 100_000])
def test_what_does_not_begin_with_a_from_line_is_no_mbox(text: bytes) -> None:
    with pytest.raises(Malformed):
        messages([text])


def test_an_empty_file_has_no_messages() -> None:
    assert messages([]) == messages([b""]) == []


def test_an_mbox_with_crlf_loses_only_the_empty_line() -> None:
    assert messages([b"From a\r\nb\r\n\r\nc\r\n\r\nFrom d\r\n>From e\r\n\r\n"]) == [b"b\r\n\r\nc\r\n", b"From e\r\n"]


@pytest.mark.parametrize(
    ("header", "flags", "is_new"),
    [
        (b"Subject: x\nstatus: ro\n\n", b"", True),
        (b"Status: R\n\n", b"S", False),
        (b"STATUS: OR\r\nX-Status: ADFT\r\n\r\n", b"DFRST", False),
        (b"X-Status: F\n", b"F", False),
        (b"X-Status: \nStatus: \n", b"", True),
        (b"Subject: x\n\nStatus: RO\n", b"", True),
        (b"\r\nStatus: RO\n", b"", True),
        (b"", b"", True),
    ],
)
def test_flags(header: bytes, flags: bytes, is_new: bool) -> None:
    assert marks(header) == (flags, is_new)


def test_a_return_path_that_never_ends_is_no_sender() -> None:
    assert maildir_sender(b"Return-Path: <" + b"a" * 100_000) == b"XXX"
    assert maildir_sender(b"") == b"XXX"
    assert maildir_sender(b"Return-Path: <abc\n") == b"ab"
    assert maildir_sender(b"return-path: <a@b>\n") == b"XXX"
