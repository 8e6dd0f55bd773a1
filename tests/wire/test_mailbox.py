from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.wire import mailbox

HANDLE = b"\x00\x01handle"
NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name)
POSITIONS = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(NAMES, st.integers(0, 2**63))))
def test_a_listing_comes_back_as_it_was(messages: list[tuple[bytes, int]]) -> None:
    listing = mailbox.parse_listing(mailbox.encode_listing(HANDLE, messages))
    assert listing.handle == HANDLE
    assert list(zip(listing.names, listing.sizes, strict=True)) == messages


def test_of_too_many_messages_the_first_are_listed() -> None:
    messages = [(b"%06d" % number, 1) for number in range(100)]
    for limit in (8, 8 + 8, 8 + 9, 8 + 10, 500, 908, 907):
        payload = mailbox.encode_listing(HANDLE, messages, limit)
        assert len(payload) <= limit
        assert mailbox.parse_listing(payload).names == [name for name, _ in messages[: (limit - 8) // 9]]


@given(POSITIONS, st.integers(0, 2**64 - 1))
def test_a_fetch_comes_back_as_it_was(position: int, offset: int) -> None:
    fetch = mailbox.Fetch(HANDLE, position, offset)
    assert mailbox.parse_fetch(mailbox.encode_fetch(fetch)) == fetch


@given(st.none() | st.lists(POSITIONS).map(tuple))
def test_a_leave_comes_back_as_it_was(deletions: tuple[int, ...] | None) -> None:
    leave = mailbox.Leave(HANDLE, deletions)
    assert mailbox.parse_leave(mailbox.encode_leave(leave)) == leave


def test_open_and_content_come_back_as_they_were() -> None:
    assert mailbox.parse_open(mailbox.encode_open(b"joe", b"Maildir")) == (b"joe", b"Maildir")
    assert mailbox.parse_content(mailbox.encode_content(b"text", True)) == (b"text", True)
    assert mailbox.parse_content(mailbox.encode_content(b"", False)) == (b"", False)


@pytest.mark.parametrize("payload", [b"", b"short", HANDLE, HANDLE + b"x\0\0\0\1", HANDLE + b"q\0\0\0", HANDLE + b"z"])
def test_a_bad_leave_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        mailbox.parse_leave(payload)


@pytest.mark.parametrize(
    "payload", [b"short", HANDLE + b"name\0", HANDLE + b"a\0x\0", HANDLE + b"a\0-1\0", HANDLE + b"a"]
)
def test_a_bad_listing_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        mailbox.parse_listing(payload)


def test_other_bad_payloads_are_refused() -> None:
    for parse in (mailbox.parse_open, mailbox.parse_fetch, mailbox.parse_content):
        with pytest.raises(Malformed):
            parse(b"joe")
