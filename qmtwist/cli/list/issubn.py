"""ezmlm-issubn - whether the sender of a message is on a mailing list

    |ezmlm-issubn [-n] DIR... [PART]...

In a .qmail file: succeeds if $SENDER is on one of the lists, whose paths begin with a slash, and lets the delivery
succeed without the lines below it if not. With PART, such as digest or allow, it is about these lists in the first DIR,
and about DIR itself only if one of them is a dot. With -n the other way round: who is on a list is sent no further.

    |bouncesaying 'Only subscribers may write here.' ezmlm-issubn -n /home/joe/list

Environment: SENDER, from qmail-local.

Exit status: 0 yes; 99 no; 100 wrong use; 111 a list cannot be read now.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.store.lists.subscribers import Subscribers

from .common import carry_out, enter, take

_NAME = b"ezmlm-issubn"


def main(arguments: list[bytes], home: str) -> int:
    """Ask every list."""

    def work() -> int:
        line = take(arguments, b"mMnN")
        sender = os.environb.get(b"SENDER")
        if sender is None:
            raise Permanent("SENDER not set")
        is_there = any(_is_on(directory, part, sender) for directory, part in _lists(line.words))
        return 0 if is_there != (b"n" in line.values) else 99

    return carry_out(_NAME, b"[-nN] dir [dir1 ...]", work)


def _lists(words: list[bytes]) -> list[tuple[bytes, bytes]]:
    """The directories that are meant, and the parts of them."""
    parts = [word for word in words[1:] if word[:1] != b"/"]
    others = [word for word in words[bool(parts) :] if word not in parts]
    return [(word, b".") for word in others] + [(words[0], part) for part in parts]


def _is_on(directory: bytes, part: bytes, sender: bytes) -> bool:
    enter(directory)
    with suppress(Malformed):
        return Subscribers(os.fsdecode(part)).has(sender)
    return False
