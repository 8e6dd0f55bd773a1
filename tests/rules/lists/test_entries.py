"""The index of an archive: what answers each other has one hash, and an entry is two lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.header import Field
from qmtwist.rules.lists.entries import index_entry, shown_index


def entry(subject: bytes, author: bytes = b"Joe <joe@x.y>", prefix: bytes = b"", *received: bytes) -> list[bytes]:
    fields = [Field(b"received", b"Received: %s\n" % text) for text in received]
    fields += [Field(b"subject", b"Subject: %s\n" % subject), Field(b"from", b"From: %s\n" % author)]
    return index_entry(5, fields, prefix).splitlines()


def subject_hash(subject: bytes, prefix: bytes = b"") -> bytes:
    return entry(subject, prefix=prefix)[0].split()[1]


def author_hash(author: bytes) -> bytes:
    return entry(b"x", author)[1].partition(b";")[2].split()[0]


@pytest.mark.parametrize(
    "subject",
    [
        b"Re: Hello W\xc3\xb6rld", b"[l] Hello W\xc3\xb6rld", b"Re: [L] hello W\xc3\xb6rld",
        b"AW: Re[2]: [l] Hello  W\xc3\xb6rld",
        b"[l] =?iso-8859-1?q?Re:_Hello_W=F6rld?=", b"RE: =?utf-8?b?SGVsbG8gV8O2cmxk?=",
    ],
)  # fmt: skip
def test_answers_have_the_hash_of_what_they_answer(subject: bytes) -> None:
    assert subject_hash(subject, b"[l]") == subject_hash(b"Hello W\xc3\xb6rld")
    number, _, shown = entry(subject, prefix=b"[l]")[0].split(b" ", 2)
    assert number == b"5:" and shown.removeprefix(b"Re: ").lower().split() == b"hello w\xc3\xb6rld".split()


def test_other_words_before_a_colon_belong_to_the_subject() -> None:
    assert subject_hash(b"Bug: x") != subject_hash(b"x") != subject_hash(b"Note: x")


@pytest.mark.parametrize("author", [b"joe@x.y", b"Joe <joe@x.y>", b"joe@x.y (Joe)", b'"J@home" <JOE-list@X.y>'])
def test_an_author_is_their_address(author: bytes) -> None:
    """As ezmlm-idx has it: the bracket counts, what follows a `-` does not."""
    assert author_hash(author) == author_hash(b"<joe@x.y>" if b"<" in author else b"joe@x.y")


def test_the_date_is_that_of_our_own_received_field() -> None:
    ours, theirs = (
        b"(qmail 7 invoked by uid 9); 21 Nov 2026 05:13:49 -0000",
        b"from x by y; Fri, 1 Jan 1999 00:00:00 +0100",
    )
    assert entry(b"x", b"joe@x.y", b"", ours, theirs)[1].startswith(b"\t21 Nov 2026 05:13:49 -0000;")
    assert entry(b"x", b"joe@x.y", b"", theirs)[1].startswith(b"\t1 Jan 1999 00:00:00 +0100;")
    assert entry(b"x", b"joe@x.y", b"", b"x; Mon,  01 Jan 1999 00:00:00 GMT (x)")[1].startswith(
        b"\t01 Jan 1999 00:00:00 GMT;"
    )
    assert entry(b"x", b"joe@x.y", b"", b"x; 1 Jan 99 00:00 GMT")[1].startswith(b"\t1 Jan 1999 00:00:00 +0000;")
    assert entry(b"x", b"joe@x.y", b"", b"no date")[1].startswith(b"\t;")


@given(st.binary(max_size=700), st.binary(max_size=700))
def test_an_entry_is_two_lines(subject: bytes, author: bytes) -> None:
    text = index_entry(7, [Field(b"subject", b"S:" + subject), Field(b"from", b"F:" + author)])
    assert text.count(b"\n") == 2 and text.startswith(b"7: ") and text.split(b"\n")[1][:2] == b"\t;"
    assert shown_index(text).count(b"\n") == 2 and text.decode("utf-8")
