"""How far a list's digests have come. (ezmlm-get, ezmlm-tstdig)

`dignum` has the last message of the last digest, how large all messages were then, and when that was; `digissue` the
number of that digest. These are ezmlm-idx's. `digsending` is ours: a digest that is on its way to the queue. It is
written before the queue is asked, and removed when `dignum` and `digissue` say that the digest is sent: so whoever
dies in between leaves a note of what nobody knows.
"""

from __future__ import annotations

import os

from qmtwist.mail.shapes import NamedTuple
from qmtwist.store.durable import sync_directory, unlink_quietly

from .directory import ListDirectory
from .files import give_up, rewrite

_DIGITS = 18


class Digested(NamedTuple):
    """The last message that was in a digest, the size of all up to it (in 256 bytes), and when it was sent."""

    last: int = 0
    size: int = 0
    when: int = 0


class Sending(NamedTuple):
    """A digest that is on its way: its number, its messages, what `dignum` will say, and when it was last tried."""

    issue: int
    first: int
    last: int
    size: int
    when: int
    tried: int


class Digests:
    """The digests of the list in a directory. Hold the list's lock when something changes."""

    def __init__(self, directory: str) -> None:
        self._place = ListDirectory(directory)

    def digested(self) -> Digested | None:
        """What the last digest had in it; None before the first one.

        :raises Temporary: that cannot be read.
        """
        words = _numbers(self._place.optional_line("dignum"))
        return Digested(*words[:3]) if words else None

    def issue(self) -> int:
        """The number of the last digest.

        :raises Temporary: it cannot be read.
        """
        return (_numbers(self._place.optional_line("digissue")) or [0])[0]

    def sending(self) -> Sending | None:
        """The digest of which nobody knows whether it is in the queue.

        :raises Temporary: that cannot be read.
        """
        words = _numbers(self._place.optional_line("digsending"))
        return Sending(*words) if len(words) == 6 else None

    def begin(self, sending: Sending) -> None:
        """It may be in the queue from now on.

        :raises Temporary: it cannot be noted, and must not be sent.
        """
        self._write("digsending", b"%d:%d:%d:%d:%d:%d\n" % sending)

    def settle(self, sending: Sending) -> None:
        """It is in the queue.

        :raises Temporary: that cannot be written; it is not forgotten either.
        """
        self._write("digissue", b"%d\n" % sending.issue)
        self.skip(Digested(sending.last, sending.size, sending.when))
        self.drop()

    def skip(self, digested: Digested) -> None:
        """Begin the next digest behind these messages.

        :raises Temporary: the disk refuses.
        """
        self._write("dignum", b"%d:%d:%d\n" % digested)

    def drop(self) -> None:
        """It is not in the queue, or it is settled.

        :raises Temporary: the note is still there.
        """
        try:
            if unlink_quietly(f"{self._place.path}/digsending"):
                sync_directory(self._place.path)
        except OSError as error:
            give_up("unable to remove digsending", error)

    def tested(self) -> int:
        """When somebody was told to make a digest.

        :raises Temporary: that cannot be read.
        """
        return (_numbers(self._place.optional_line("tstdig")) or [0])[0]

    def note_test(self, now: int) -> None:
        """Somebody is told to make one.

        :raises Temporary: the disk refuses.
        """
        self._write("tstdig", b"%d\n" % now)

    def _write(self, name: str, data: bytes) -> None:
        path = os.path.join(self._place.path, name)
        try:
            rewrite(path, path + "n", data)
        except OSError as error:
            give_up(f"unable to write {name}", error)


def _numbers(line: bytes) -> list[int]:
    """The numbers of a line between colons; a text that is no number counts as 0."""
    if not line:
        return []
    return [int(word) if word.isdigit() and len(word) < _DIGITS else 0 for word in line.split(b":")]
