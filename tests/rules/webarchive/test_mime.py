"""A letter taken apart: whatever it is made of, in bounded time."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.webarchive.fields import file_name, parameters, text_parameter
from qmtwist.rules.webarchive.mime import DEPTH, PARTS, Part, parse


def letter(kind: str, body: str, more: str = "") -> list[Part]:
    return parse(f"Subject: x\nContent-Type: {kind}\n{more}\n{body}".encode()).parts


def kinds(parts: list[Part]) -> list[str]:
    return [part.kind for part in parts]


ALTERNATIVE = "--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>page</p>\n--b--\n"


def test_a_letter_without_fields_of_mime_is_text() -> None:
    assert parse(b"From: joe\n\nhello\n").parts == [Part("text/plain", b"hello\n")]
    assert parse(b"From: joe\r\n\r\nhello\r\n").parts == [Part("text/plain", b"hello\n")]
    assert parse(b"\nhello\n").parts == [Part("text/plain", b"hello\n")]
    assert parse(b"").parts == [Part("text/plain", b"")]


def test_of_alternatives_the_plain_text_counts() -> None:
    assert [part.data for part in letter("multipart/alternative; boundary=b", ALTERNATIVE)] == [b"plain"]
    only_page = ALTERNATIVE.replace("plain", "  ")
    assert kinds(letter("multipart/alternative; boundary=b", only_page)) == ["text/html"]
    assert kinds(letter("multipart/alternative; boundary=b", "--b\nContent-Type: image/png\n\nx\n--b--")) == [
        "image/png"
    ]


def test_pictures_of_the_page_are_kept() -> None:
    related = "--r\nContent-Type: text/html\n\n<p>page</p>\n--r\nContent-Type: image/png\n\nPNG\n--r--\n"
    body = f"--b\n\nplain\n--b\nContent-Type: multipart/related; boundary=r\n\n{related}--b--\n"
    assert kinds(letter("multipart/alternative; boundary=b", body)) == ["text/plain", "image/png"]


def test_the_last_part_need_not_be_closed_and_blanks_do_not_count() -> None:
    parts = letter('multipart/mixed; boundary="a b"', "preamble\n--a b  \n\none\n--a b\t\nContent-Type: x/y\n\ntwo")
    assert [(part.kind, part.data) for part in parts] == [("text/plain", b"one"), ("x/y", b"two")]
    assert letter("multipart/mixed; boundary=b", "no parts\n") == [Part("text/plain", b"no parts\n")]


@pytest.mark.parametrize(
    ("encoding", "body", "data"),
    [
        ("base64", base64.encodebytes(b"a\0b" * 40).decode(), b"a\0b" * 40),
        ("BASE64", "aGV\nsb!!G8\n", b"hello"),
        ("base64", "aGVsbG8=\n-- \nfooter of a list\n", b"hello"),
        ("base64", "a", b""),
        ("quoted-printable", "Zo=C3=AB=\n x=3D\n", b"Zo\xc3\xab x=\n"),
        ("quoted-printable", "=\n=ZZ", b"=ZZ"),
        ("8bit", "x", b"x"),
        ("x-odd", "x", b"x"),
    ],
)
def test_transfer_encodings(encoding: str, body: str, data: bytes) -> None:
    (part,) = letter("text/plain", body, f"Content-Transfer-Encoding: {encoding}\n")
    assert part.data == data


def test_a_letter_in_a_letter_says_who_wrote_it() -> None:
    inner = "From: Ann <ann@x.example>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\ninner text\n"
    head, text = letter("message/rfc822", inner)
    assert head.data.decode() == "---- a message ----\nFrom: Ann <ann@x.example>\nSubject: Grüße\n"
    assert text.data == b"inner text\n"
    digest = letter("multipart/digest; boundary=b", f"--b\n\n{inner}\n--b--\n")
    assert [part.data for part in digest] == [head.data, text.data]


def test_names_of_files() -> None:
    more = "Content-Disposition: attachment; filename*=iso-8859-1''%DCbersicht.pdf\n"
    (part,) = letter("application/pdf; name=other.pdf", "x", more)
    assert (part.name, part.is_attached) == ("Übersicht.pdf", True)
    assert file_name({}, {"name": b"a\x1b[1m/../b\\c.txt"}) == "c.txt"
    assert len(file_name({"filename": b"x" * 5000}, {})) == 120


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b'"', b"\\", b";", b"=", b"a", b"*0", b"%4", b"'"])).map(b"".join)
)
def test_any_field_has_parameters(text: bytes) -> None:
    _, found = parameters(b"text/plain; " + text)
    for name in [*found, "name"]:
        assert isinstance(text_parameter(found, name.partition("*")[0]), str)


LINES = (
    b"--b\n", b"--b--\n", b"\n", b"text\n", b" \xff", b"--b", b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: message/rfc822\n",
    b"Content-Type: multipart/alternative; boundary=b\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=40).map(b"".join))
def test_any_letter_has_parts(text: bytes) -> None:
    assert len(parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + text).parts) <= PARTS


NESTED = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
TIMES = 100_000


@pytest.mark.parametrize(
    "text",
    [
        b"".join([NESTED % (depth, depth) for depth in range(TIMES // 4)]),
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * TIMES,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * TIMES,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--bx\n" * TIMES,
        b"Content-Type: message/rfc822\n\n" * TIMES,
        b"X: y\n" * TIMES,
        b"Content-Type: text/plain" + b"; x*0=y" * TIMES + b"\n\nx",
        b"Content-Transfer-Encoding: base64\n\n" + b"=" * TIMES,
    ],
    ids=["nested", "same", "many", "near", "letters", "fields", "parameters", "padding"],
)
def test_hostile_letters_take_no_time(text: bytes) -> None:
    began = time.process_time()
    assert len(parse(text).parts) <= max(PARTS, 2 * DEPTH)
    assert time.process_time() - began < 2
