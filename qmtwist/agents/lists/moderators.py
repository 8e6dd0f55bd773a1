"""Who may decide about subscribers, and administer a list by mail."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers


class Moderators:
    """The moderators of a list: the files `modsub` and `remote` say what for, and may name the directory of their
    addresses, which is `mod` otherwise.
    """

    def __init__(self, place: ListDirectory) -> None:
        """:raises Temporary: that cannot be read."""
        self.is_moderated = place.has("modsub")
        self.is_remote = place.has("remote")
        name = place.optional_line("modsub") or place.optional_line("remote") or b"mod"
        self._people = Subscribers(os.path.join(place.path, os.fsdecode(name)))

    def known(self, address: bytes) -> bytes | None:
        """The address of a moderator as the list has it; None for anybody else.

        :raises Temporary: that cannot be told.
        """
        if self.is_moderated or self.is_remote:
            with suppress(Malformed):
                return self._people.stored(address)
        return None

    def everybody(self) -> tuple[bytes, ...]:
        """:raises Temporary: they cannot be read."""
        return tuple(self._people)
