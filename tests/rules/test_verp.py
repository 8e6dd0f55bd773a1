"""A sender per recipient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.verp import bounce_recipient, expand


@pytest.mark.parametrize(
    ("sender", "recipient", "seen"),
    [
        (b"list-owner-@h.example-@[]", b"joe@x.example", b"list-owner-joe=x.example@h.example"),
        (b"list-owner-@h-@[]", b"a@b@x", b"list-owner-a@b=x@h"),
        (b"a@b@h-@[]", b"joe@x", b"a@bjoe=x@h"),
        (b"@h-@[]", b"joe@x", b"joe=x@h"),
        (b"list-@h-@[]", b"@x", b"list-=x@h"),
        (b"list-@h-@[]", b"nohost", b"list-@h-@[]"),
        (b"nohost-@[]", b"joe@x", b"nohost-@[]"),
        (b"-@[]", b"joe@x", b"-@[]"),
        (b"#@[]", b"joe@x", b"#@[]"),
        (b"", b"joe@x", b""),
        (b"ann@h", b"joe@x", b"ann@h"),
    ],
)
def test_a_marked_sender_names_the_recipient(sender: bytes, recipient: bytes, seen: bytes) -> None:
    assert expand(sender, recipient) == seen


@pytest.mark.parametrize(
    ("sender", "told"),
    [
        (b"list-owner-@h-@[]", b"list-owner-@h"),
        (b"nohost-@[]", b"nohost"),
        (b"-@[]", b"-@[]"),
        (b"#@[]", b"#@[]"),
        (b"ann@h", b"ann@h"),
        (b"", b""),
    ],
)
def test_the_bounce_goes_to_the_sender_without_the_mark(sender: bytes, told: bytes) -> None:
    assert bounce_recipient(sender) == told


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_sender_without_the_mark_is_never_changed(sender: bytes, recipient: bytes) -> None:
    if not sender.endswith(b"-@[]"):
        assert expand(sender, recipient) == sender
        assert bounce_recipient(sender) == sender
