"""How a list's owner wants it: by the files in its directory, and by the options of its .qmail file, which win."""

from __future__ import annotations

from qmtwist.rules.lists.administration import Wishes
from qmtwist.store.lists.directory import ListDirectory

OPTIONS = b"aAbBcCdDeEfFlLmMnNqQsSuU"
"""Those of ezmlm-manage; for two that contradict each other, which differ in case, the last one counts."""


def wishes(place: ListDirectory, letters: bytes) -> Wishes:
    """The wishes by the files, and by these options in their order.

    :raises Temporary: that cannot be told.
    """

    def said(letter: bytes, is_so: bool) -> bool:
        """Whether an option is on; `is_so` without it."""
        on, off = letters.rfind(letter), letters.rfind(letter.swapcase())
        return is_so if on == off else on > off

    edits = said(b"e", place.has("modcanedit"))
    return Wishes(
        confirms_joining=said(b"s", not place.has("nosubconfirm")),
        confirms_leaving=said(b"u", not place.has("nounsubconfirm")),
        is_leaving_moderated=said(b"m", False),
        lists=said(b"l", place.has("modcanlist")),
        edits=said(b"d", edits),
        fetches=said(b"c", True),
        tells=said(b"n", True),
        shows=said(b"b", not place.has("omitbottom")),
        copies=letters[letters.rfind(b"q") + 1 :].count(b"Q"),
    )
