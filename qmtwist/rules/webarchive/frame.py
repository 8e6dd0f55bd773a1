"""What all pages have in common."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from qmtwist.mail.shapes import Iterable, NamedTuple

from .catalogue import Listed
from .looks import HUES

# No page runs a script but that of the search, none loads anything from elsewhere, and no form leads away.
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'"
_SEARCH_POLICY = _POLICY + "; script-src 'self'"


class Frame(NamedTuple):
    """An archive as its pages name it."""

    title: str
    local: str
    host: str

    @property
    def address(self) -> str:
        """The list's address."""
        return f"{self.local}@{self.host}"

    def mailto(self, behind: str = "", subject: str = "") -> str:
        """Where a link leads that writes to the list, or to one of its addresses; ready for an attribute."""
        local = quote(f"{self.local}-{behind}" if behind else self.local)
        asked = f"?subject={quote(subject)}" if subject else ""
        return escape(f"mailto:{local}@{quote(self.host)}{asked}")

    def page(self, title: str, body: Iterable[str], up: str = "../", head: str = "", has_script: bool = False) -> bytes:
        """A whole page; `up` leads from it to the first page."""
        here = escape(self.title)
        named = f"{escape(title)} - {here}" if title else here
        asked = "" if has_script else _search(up, "search")
        parts = [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_SEARCH_POLICY if has_script else _POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f'<title>{named}</title><link rel="stylesheet" href="{up}style.css">{head}</head>',
            '<body><a class="skip" href="#main">to the text</a>',
            f'<header class="top"><div><a class="brand" href="{up}index.html">{here}</a>',
            f'<nav><a href="{up}index.html">Threads</a> <a href="{up}authors.html">Authors</a>'
            f' <a href="{up}search.html">Search</a></nav>{asked}</div></header>',
            '<main id="main">',
            *[part for part in body if part],
            "</main></body></html>\n",
        ]
        return "\n".join(parts).encode("utf-8", "replace")


def _search(up: str, words: str) -> str:
    return (
        f'<form action="{up}search.html" role="search"><input type="search" name="q" placeholder="{words}"'
        f' aria-label="{words}"></form>'
    )


def badge(letter: Listed) -> str:
    """A person's first letter, in a colour of theirs."""
    first = next((one for one in letter.author if one.isalnum()), "?").upper()[:1]
    hue = int(letter.author_key, 16) % HUES if letter.author_key != "nobody" else 0
    return f'<div class="badge c{hue}" aria-hidden="true">{escape(first)}</div>'


def link_to(letter: Listed, up: str, text: str = "") -> str:
    """A link to a letter."""
    return f'<a href="{up}msg/{letter.number}.html"><bdi>{escape(text or letter.subject)}</bdi></a>'


def author_link(letter: Listed, up: str) -> str:
    """A link to what else somebody wrote."""
    return f'<a href="{up}author/{letter.author_key}.html"><bdi>{escape(letter.author)}</bdi></a>'


def section(title: str, body: str, mark: str = "") -> str:
    """A part of a page."""
    named = f"<h2>{escape(title)}</h2>\n" if title else ""
    return f"<section{f' class={mark}' if mark else ''}>{named}{body}</section>"


def number_of(count: int, one: str, many: str) -> str:
    """Such as `1 letter`, `1,234 letters`."""
    return f"{count:,} {one if count == 1 else many}"


_NAMED = "January February March April May June July August September October November December"
_MONTHS = _NAMED.split()
SHORT_MONTHS = tuple([name[:3] for name in _MONTHS])


def month_name(month: str) -> str:
    """2026-11 for people.

    >>> month_name("2026-11")
    'November 2026'
    """
    year, _, number = month.partition("-")
    return f"{_MONTHS[int(number) - 1]} {int(year)}"
