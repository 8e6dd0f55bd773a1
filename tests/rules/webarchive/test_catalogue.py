"""Threads, dates and words of an archive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists.heading import cut
from qmtwist.rules.webarchive.catalogue import NO_SUBJECT, Catalogue, Headed, Reader, listed
from qmtwist.rules.webarchive.masking import Mask
from qmtwist.rules.webarchive.words import (
    recent_table,
    recent_text,
    shard,
    shard_table,
    shard_text,
    words,
)

DAY_S = 86400
NOW = 1_795_000_000  # November 2026


def reader(prefix: bytes = b"", is_by_date_field: bool = False) -> Reader:
    return Reader(Mask("l", "h.example"), b"key", prefix, is_by_date_field)


def read(text: str, prefix: bytes = b"", is_by_date_field: bool = False) -> Headed:
    return reader(prefix, is_by_date_field).read(cut(text.encode()).fields, NOW)


class Writer:
    """Adds letters to a catalogue."""

    def __init__(self) -> None:
        self.known = Catalogue()

    def add(self, name: str, subject: str = "s", references: str = "", day: int = 0, author: str = "a@x.y") -> int:
        number = len(self.known.numbers) + 1
        text = f"Message-ID: <{name}>\nReferences: {references}\nSubject: {subject}\nFrom: {author}\n\n"
        headed = read(text)._replace(time=NOW + day * DAY_S)
        self.known.add(self.known.placed(number, headed, 0))
        return number

    def parents(self) -> list[int]:
        return [letter.parent for letter in self.known.letters.values()]


def test_references_make_threads() -> None:
    writer = Writer()
    writer.add("1")
    writer.add("2", "other", "<1>")
    writer.add("3", "third", "<unknown> <1> <2> <lost>")
    writer.add("4", "s", "<lost>")
    assert writer.parents() == [0, 1, 2, 0] and list(writer.known.threads) == [1, 4]
    assert [(depth, letter.number) for depth, letter in writer.known.tree(1)] == [(0, 1), (1, 2), (2, 3)]


def test_subjects_make_threads_of_answers_for_a_while() -> None:
    writer = Writer()
    for subject, day in (
        ("plan", 0),
        ("Re: Plan", 1),
        ("plan", 2),
        ("Re: plan", 3),
        ("Re: plan", 200),
        ("Re:", 200),
        ("Re:", 201),
    ):
        writer.add(str(day) + subject, subject, day=day)
    assert writer.parents() == [0, 1, 0, 3, 0, 0, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3), st.sampled_from(["s", "Re: s", "t"]))
    )
)
def test_a_letter_belongs_to_one_before_it(letters: list[tuple[int, list[int], str]]) -> None:
    writer = Writer()
    for name, references, subject in letters:
        writer.add(str(name), subject, " ".join(f"<{one}>" for one in references))
    known = writer.known
    assert all(letter.parent < letter.number for letter in known.letters.values())
    found = sorted(letter.number for root in known.threads for _, letter in known.tree(root))
    assert found == known.numbers == sorted(number for numbers in known.threads.values() for number in numbers)
    again = Catalogue()
    for letter in known.letters.values():
        again.add(listed(letter.line()) or letter)
    assert again.letters == known.letters and again.answers == known.answers


CAME = "Received: x; 1 Jan 2020 00:00:00 -0000\n"


@pytest.mark.parametrize(
    ("fields", "is_by_date_field", "month", "written"),
    [
        (CAME + "Date: Tue, 5 May 2015 12:00:00 +0200", False, "2020-01", "2015-05-05 12:00 +0200"),
        (CAME + "Date: Tue, 5 May 2015 12:00:00 +0200", True, "2015-05", "2015-05-05 12:00 +0200"),
        (CAME + "Date: 1 Feb 2035 12:00:00 +0200", True, "2020-01", "2035-02-01 12:00 +0200"),
        (CAME + "Date: 1 Feb 1970 12:00:00 +0200", True, "2020-01", "1970-02-01 12:00 +0200"),
        ("Date: Tue, 5 May 2015 12:00:00 +0200", False, "2015-05", "2015-05-05 12:00 +0200"),
        ("Date: 1 Feb 2035 12:00:00 +0200", False, "2026-11", "2035-02-01 12:00 +0200"),
        ("Date: yesterday", False, "2026-11", "2026-11-18 11:06 UTC"),
    ],
)  # fmt: skip
def test_when_a_letter_was_written(fields: str, is_by_date_field: bool, month: str, written: str) -> None:
    headed = read(fields + "\n\n", is_by_date_field=is_by_date_field)
    assert (Catalogue().placed(1, headed, 0).month, headed.written) == (month, written)


def test_what_people_must_not_read_is_not_kept() -> None:
    headed = read(
        "From: joe@x.example\nSubject: [l] to ann@y.example\nMessage-ID: <1@z.example>\nReferences: <2@z.example>\n\n",
        b"[l]",
    )
    assert (headed.author, headed.subject) == ("joe@…", "to ann@…") and "example" not in str(headed)
    assert read("From: Joe <JOE@x.example>\n\n").author_key == read("From: joe@x.example (J)\n\n").author_key
    assert read("X: y\n\n")[2:6] == (NO_SUBJECT, False, "nobody", "nobody")


@given(st.dictionaries(st.text("abcéü漢", min_size=2), st.lists(st.integers(1, 99999), min_size=1, unique=True)))
def test_a_shard_is_read_back(table: dict[str, list[int]]) -> None:
    text = shard_text("x", table)
    assert shard_table(text) == {word: sorted(numbers) for word, numbers in table.items()} and text.isascii()


def test_other_files_have_no_words() -> None:
    for data in (b"", b"archive.words(1,[]);", b'archive.words("x",{"a":1});', b"x,y", b"archive.recent(x,{});"):
        assert shard_table(data) == {} and recent_table(data)[1] == {}
    assert recent_table(recent_text(7, {8: ["ab", "cd"]})) == (7, {8: ["ab", "cd"]})


@given(st.text())
def test_every_word_has_a_shard(text: str) -> None:
    for word in words(text):
        assert 2 <= len(word) <= 24 and set(shard(word)) <= set("x-0123456789abcdef")
