"""Subscribe and unsubscribe by hand: ezmlm-sub and ezmlm-unsub."""

from __future__ import annotations

import os
import time

from qmtwist.mail.errors import Temporary
from qmtwist.mail.shapes import Iterator
from qmtwist.store.lists.subscribers import Subscribers

from .common import carry_out, enter, part_of, take

_ACCEPTED = b"mMn"


def change(name: bytes, arguments: list[bytes], is_adding: bool) -> int:
    """Do it for every address; the exit status."""

    def work() -> int:
        line = take(arguments, _ACCEPTED)
        enter(line.words[0])
        part, words = part_of(line.words[1:])
        words = words or list(from_input())
        addresses = words[::2] if b"n" in line.values else words
        people = Subscribers(part)
        changed = people.add(addresses) if is_adding else people.remove(addresses)
        people.note(b"+manual" if is_adding else b"-manual", changed, int(time.time()))
        return 0

    usage = b"[-mMvV] [-h hash] [-n] dir [box@domain [name]] ..."
    return carry_out(name, usage, work)


def from_input() -> Iterator[bytes]:
    """Addresses, one a line."""
    text = b""
    try:
        while piece := os.read(0, 65536):
            text += piece
    except OSError as error:
        raise Temporary("unable to read input") from error
    for line in text.split(b"\n"):
        if line.strip() and not line.startswith(b"#"):
            yield line.strip()
