"""What is shown of a letter's text: everything that it says, and nothing that it does."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.webarchive.htmltext import html_text
from qmtwist.rules.webarchive.masking import Mask
from qmtwist.rules.webarchive.mime import Part
from qmtwist.rules.webarchive.prose import lines, prose

MASK = Mask("friends", "h.example")
TAG = re.compile(
    r'<(?:/(?:a|div|span|blockquote|details|summary)|(?:div|blockquote|span) class="[a-z0-9 ]+"|details|summary'
    r'|a href="https?://[^"<>\s]+" rel="nofollow ugc noopener noreferrer")>'
)


def shown(text: str, **more: bool) -> str:
    return prose(lines(Part("text/plain", text.encode(), b"utf-8", **more)), MASK)  # type: ignore[arg-type]


def said(text: str, **more: bool) -> list[tuple[int, str]]:
    return [tuple(line) for line in lines(Part("text/plain", text.encode(), b"utf-8", **more))]  # type: ignore[arg-type]


def test_quotations_signatures_and_links() -> None:
    text = "Joe wrote:\n> one\n> > two\n>> two\n\nsee https://x.example/a?b=1&c.\n-- \nAnn\n"
    assert shown(text) == (
        '<div class="text">Joe wrote:</div>\n'
        '<blockquote class="text">one\n<span class="q2">two</span>\n<span class="q2">two</span></blockquote>\n'
        '<div class="text">see <a href="https://x.example/a?b=1&amp;c" rel="nofollow ugc noopener noreferrer">'
        "https://x.example/a?b=1&amp;c</a>.</div>\n"
        '<div class="text signature">Ann</div>\n'
    )


def test_patches_and_tables_keep_their_columns() -> None:
    assert shown("Here:\n\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n").startswith('<div class="text fixed">')
    assert shown("mon     7\ntue    12\n").startswith('<div class="text fixed">')
    assert shown("One.  Two.\n\nThree.\n").startswith('<div class="text">')


def test_long_quotations_are_folded() -> None:
    assert "<details><summary>30 quoted lines</summary>" in shown("> x\n" * 30 + "yes\n")
    assert "<details>" not in shown("> x\n" * 10 + "yes\n")


def test_flowed_text_is_put_together() -> None:
    text = "one \ntwo\n> three \n> four\n\n-- \nname \n From here\n"
    assert said(text, is_flowed=True) == [
        (0, "one two"), (1, "three four"), (0, ""), (0, "-- "), (0, "name From here"),
    ]  # fmt: skip
    assert said("日 \n本\n", is_flowed=True, is_space_dropped=True) == [(0, "日本")]
    assert said("one \n> two \nthree", is_flowed=True) == [(0, "one "), (1, "two "), (0, "three")]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("joe@x.example", "joe@…"), ("<joe.doe+x@mail.x.example>,", "<joe.doe+x@…>,"), ("JOE@X.EXAMPLE.", "JOE@…."),
        ('"joe doe"@x.example', '"joe doe"@…'), ("joe@[192.0.2.7]", "joe@…"), ("zoë@münchen.example", "zoë@…"),
        ("l-return-7-joe=x.y@h.example", "l-return-7-joe@…"), ("mail=joe%40x.example", "mail@…"), ("a@b.c", "a@…"),
        ("mailto:joe@x.example", "mailto:joe@…"), ("friends@h.example", "friends@h.example"),
        ("Friends-Help@H.Example", "Friends-Help@H.Example"), ("friends-joe@h.example", "friends-joe@…"),
        ("friends-return-1-joe=x.y@h.example", "friends-return-1-joe@…"), ("a @ b, @joe, x@y", "a @ b, @joe, x@y"),
    ],
)  # fmt: skip
def test_addresses_are_masked(text: str, masked: str) -> None:
    assert MASK(text) == masked and unescape(TAG.sub("", shown(f"- {text}\n> {text}\n"))).count(masked) == 2


def test_a_link_with_an_address_leads_nowhere() -> None:
    assert "<a" not in shown("https://x.example/?to=joe@y.example") and "joe@…" in shown(
        "https://x.example/joe@y.example"
    )


@given(st.text(st.sampled_from("<>&\"'> \n-ah:/t@p.s(\x1b\u202e")) | st.text(), st.booleans())
def test_only_tags_of_ours_are_tags(text: str, is_flowed: bool) -> None:
    made = shown(text, is_flowed=is_flowed)
    assert not set("<>\"'\x1b\u202e") & set(TAG.sub("", made))


@given(st.text(st.sampled_from("abc \n"), max_size=60))
def test_text_of_ones_own_is_shown_whole(text: str) -> None:
    assert unescape(re.sub("<[^>]*>", "", shown(text))).split() == text.split()


def test_a_page_is_text() -> None:
    page = (
        "<html><head><title>t</title><style>p{}</style></head><body><h1>Hi</h1><p>one<br>two &amp; <b>three</b></p>"
        "<ul><li>a</li><li>b</li></ul><pre>x\n  y</pre><script>alert(1)</script><table><tr><td>1</td><td>2</td></tr>"
        "</table><blockquote>old<blockquote>older</blockquote></blockquote><a href='https://x.example/?a=1&amp;b'>here</a>"
        "<a href='javascript:x'>bad</a></body></html>"
    )
    assert html_text(page).split("\n") == [
        "Hi", "", "one", "two & three", "", "* a", "* b", "", "x", "  y", "", "1 2", "", "> old", "", "> > older", "",
        "here <https://x.example/?a=1&b>bad", "",
    ]  # fmt: skip


@given(st.text(st.sampled_from("<>/abp!-&;=' \n") | st.characters()))
def test_any_page_has_a_text(page: str) -> None:
    assert isinstance(html_text(page), str)


@pytest.mark.parametrize(
    "piece", ["<", "<1", "<a", "<!--", "<a>", "</", "<b ", "<1>", "&amp", "<blockquote>", "<pre>\n", "&#x"]
)
def test_hostile_pages_take_no_time(piece: str) -> None:
    began = time.process_time()
    html_text(piece * (300_000 // len(piece)))
    assert time.process_time() - began < 4


@pytest.mark.parametrize(
    "piece",
    ["a", "@", "a@", "a@b.", "a.", "@b.c", "%40", "a" * 64 + "@" + "b" * 64, "http://", ">", "> ", '"@', "a \n"],
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    began = time.process_time()
    shown(piece * (200_000 // len(piece)), is_flowed=True)
    assert time.process_time() - began < 4


def test_a_page_may_say_itself_what_it_is_written_in() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><p>Привет'.encode("koi8-r")
    assert "Привет" in prose(lines(Part("text/html", page)), MASK)
    assert "Привет" not in prose(lines(Part("text/html", page, b"windows-1252")), MASK)
