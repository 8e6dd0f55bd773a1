"""The files of the search: shards of words, and one with the words of the latest letters.

A new letter changes the last one only. When that has become long its words go into the shards, where they may be twice
if that was cut off: numbers that are there already change nothing.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable
from qmtwist.rules.webarchive.catalogue import Listed
from qmtwist.rules.webarchive.words import (
    letters_text,
    recent_table,
    recent_text,
    shard,
    shard_table,
    shard_text,
)
from qmtwist.store.lists.bulk import Bulk
from qmtwist.store.lists.website import Website

_RECENT = 500  # letters


class WordFiles:
    """The search of one archive."""

    def __init__(self, site: Website) -> None:
        self._site = site
        self._base = 0  # the shards have all words up to this number
        self._recent: dict[int, list[str]] = {}

    def read(self) -> None:
        """Go on where the last run ended."""
        self._base, self._recent = recent_table(self._site.read("search/recent.js"))

    def add(self, number: int, found: Iterable[str]) -> None:
        """The words of a letter."""
        self._recent[number] = list(found)

    def write(self, files: Bulk, letters: Iterable[Listed]) -> None:
        """Put what has changed: words, and what these letters are called, which are all of their hundreds."""
        if len(self._recent) > _RECENT:
            self._merge(files)
        self._site.put(files, "search/recent.js", recent_text(self._base, self._recent))
        by_hundred: dict[int, list[tuple[int, str, str, str]]] = {}
        for letter in letters:
            row = (letter.number, letter.subject, letter.author, letter.day)
            by_hundred.setdefault(letter.number // 100, []).append(row)
        for hundred, rows in by_hundred.items():
            self._site.put(files, f"search/m{hundred}.js", letters_text(hundred, rows))

    def _merge(self, files: Bulk) -> None:
        tables: dict[str, dict[str, list[int]]] = {}
        for number, found in self._recent.items():
            for word in found:
                tables.setdefault(shard(word), {}).setdefault(word, []).append(number)
        for name, table in tables.items():
            path = f"search/{name}.js"
            for word, numbers in shard_table(self._site.read(path)).items():
                table[word] = numbers + table.get(word, [])
            self._site.put(files, path, shard_text(name, table))
        self._base = max(self._recent)
        self._recent = {}
