"""Options as the old programs read them: single letters, in clusters, up to the first word that is none."""

from __future__ import annotations

import itertools

from qmtwist.mail.shapes import Iterator


class UsageError(Exception):
    """`complaint` is what getopt says, without the program's name."""

    def __init__(self, complaint: bytes) -> None:
        super().__init__(complaint)
        self.complaint = complaint


class Options:
    """One command line; iterate over it for (letter, value), then find the other words in `rest`.

    `accepted` lists the letters as getopt(3) does: one followed by a colon takes a value, in the same word or the next.
    """

    def __init__(self, arguments: list[bytes], accepted: bytes, swallowing: bytes = b"") -> None:
        """The `swallowing` ones of these letters take the rest of their word, which may be nothing."""
        self.rest = list(arguments)
        self._swallowing = swallowing
        letters = [accepted[at : at + 1] for at in range(len(accepted))]
        self._letters = set(letters) - {b":"}
        self._with_value = {letter for letter, after in itertools.pairwise(letters) if after == b":"}

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """:raises UsageError: at an option that is not accepted, or one without its value."""
        while self.rest and self.rest[0][:1] == b"-" and self.rest[0] != b"-":
            word = self.rest.pop(0)
            if word == b"--":
                return
            yield from self._cluster(word[1:])

    def _cluster(self, cluster: bytes) -> Iterator[tuple[bytes, bytes]]:
        while cluster:
            letter, cluster = cluster[:1], cluster[1:]
            if letter not in self._letters:
                raise UsageError(b"illegal option -- " + letter)
            if letter in self._swallowing:
                yield letter, cluster
                return
            if letter not in self._with_value:
                yield letter, b""
                continue
            if not cluster and not self.rest:
                raise UsageError(b"option requires an argument -- " + letter)
            yield letter, cluster or self.rest.pop(0)
            return
