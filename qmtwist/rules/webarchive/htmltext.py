"""The text of a page that came as mail. Its tags only say where lines end and where links lead; nothing else remains.

What comes out is text, to be escaped like any other: no mistake made here lets a tag through.
"""

from __future__ import annotations

import html

from qmtwist.mail.shapes import Iterator

LIMIT_LETTERS = 1 << 20
_LISTED = """address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6
    header hr html li main nav ol p pre section table tbody tr ul"""
_BLOCKS = frozenset(_LISTED.split())
_APART = frozenset(("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"))
_UNSEEN = frozenset(("head", "iframe", "noscript", "object", "script", "style", "svg", "template", "textarea", "title"))
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DEPTH = 9  # of quotations
_TAG_LETTERS = 20
_INNER_LETTERS = 4000  # of a tag that are looked at
_LINK_LETTERS = 500


def html_text(page: str) -> str:
    """What a page says.

    >>> html_text("<p>Hi <b>Joe</b>,<br>see <a href='https://x.example/'>here</a>.</p><blockquote>old</blockquote>")
    'Hi Joe,\\nsee here <https://x.example/>.\\n\\n> old\\n'
    """
    writer = _Writer()
    for tag, text in _tokens(page[:LIMIT_LETTERS]):
        if tag:
            writer.tag(tag, text)
        else:
            writer.text(text)
    return writer.said()


def _tokens(page: str) -> Iterator[tuple[str, str]]:
    """("", text), or the name of a tag, with a slash before it if it ends something, and what else is in it.

    Everything is looked at once; what ends nowhere is text, and so is the inside of a tag in a tag.
    """
    at = 0
    ends = {"-->": 0, ">": 0}  # where the next of these is, so that nobody looks for it twice
    while at < len(page):
        start = page.find("<", at)
        if start < 0:
            yield "", page[at:]
            return
        if start > at:
            yield "", page[at:start]
        ending = "-->" if page.startswith("<!--", start) else ">"
        if 0 <= ends[ending] <= start:
            ends[ending] = page.find(ending, start + 1)
        inner = page[start + 1 : max(start + 1, min(ends[ending], start + _INNER_LETTERS))]
        name = _name(inner)
        if name:
            yield name, inner
        if name or inner[:1] in ("!", "?"):
            at = ends[ending] + len(ending)
        else:
            yield "", "<"
            at = start + 1


def _name(inner: str) -> str:
    """The name of a tag, with a slash before it if it ends something; empty if it is none."""
    words = inner[:_TAG_LETTERS].split(None, 1)
    name = words[0].lower() if words and not inner[:1].isspace() else ""
    bare = name.strip("/")
    return "/" * (name[:1] == "/") + bare if bare[:1] in _LETTERS and bare else ""


class _Writer:
    """Puts the text together, line by line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._is_blank = True  # nothing has been said in this line
        self._ends_blank = True  # a blank would be one too many
        self._quotes = 0
        self._exact = 0  # inside of <pre>
        self._unseen = ""
        self._link = ""

    def tag(self, name: str, inner: str) -> None:
        """A tag begins or ends something."""
        bare = name.lstrip("/")
        is_end = name[:1] == "/"
        if self._unseen:
            self._unseen = "" if is_end and bare == self._unseen else self._unseen
            return
        if bare in _UNSEEN and not is_end:
            self._unseen = bare if not inner.endswith("/") else ""
        elif bare == "br":
            self._break()
        elif bare == "a":
            self._anchor(is_end, inner)
        elif bare in ("td", "th") and not is_end:
            self.text(" ")
        elif bare in _BLOCKS:
            self._block(bare, is_end)

    def _block(self, bare: str, is_end: bool) -> None:
        if not self._is_blank:
            self._break()
        if bare in _APART and self._lines and self._lines[-1].strip("> "):
            self._lines.append("")
        if bare == "blockquote":
            self._quotes = max(0, min(_DEPTH, self._quotes + (-1 if is_end else 1)))
        elif bare == "pre":
            self._exact = max(0, self._exact + (-1 if is_end else 1))
        elif bare == "li" and not is_end:
            self._put("* ")
        elif bare == "hr":
            self._put("-" * 20)
            self._break()

    def _anchor(self, is_end: bool, inner: str) -> None:
        if is_end:
            said = "".join(self._line[-4:])
            if self._link and self._link.rstrip("/") not in said:
                self._put(f" <{self._link}>")
            self._link = ""
            return
        at = inner.lower().find("href=")
        value = inner[at + 5 :].lstrip() if at >= 0 else ""
        quote = value[:1]
        value = value[1:].partition(quote)[0] if quote in ("'", '"') else (value.split() or [""])[0]
        value = html.unescape(value).strip()
        is_good = value.lower().startswith(("https://", "http://")) and len(value) <= _LINK_LETTERS
        self._link = value if is_good and not any(one.isspace() for one in value) else ""

    def text(self, text: str) -> None:
        """What stands between tags."""
        if self._unseen:
            return
        text = html.unescape(text)
        if self._exact:
            first, *rest = text.split("\n")
            self._put(first)
            for line in rest:
                self._break()
                self._put(line)
            return
        words = " ".join(text.split())
        if text[:1].isspace() and not self._ends_blank and words:
            words = " " + words
        if words and text[-1:].isspace():
            words += " "
        elif not words and text and not self._ends_blank:
            words = " "
        self._put(words)

    def _put(self, text: str) -> None:
        if text:
            self._line.append(text)
            self._is_blank = self._is_blank and not text.strip()
            self._ends_blank = text[-1:] == " "

    def _break(self) -> None:
        line = "".join(self._line).rstrip()
        self._lines.append("> " * self._quotes + line if line or self._quotes else line)
        self._line.clear()
        self._is_blank = self._ends_blank = True

    def said(self) -> str:
        """All of it; never more than one empty line in a row."""
        if not self._is_blank:
            self._break()
        kept: list[str] = []
        for line in self._lines:
            if line.strip("> ") or (kept and kept[-1].strip("> ")):
                kept.append(line.rstrip())
        while kept and not kept[-1].strip("> "):
            kept.pop()
        return "\n".join([*kept, ""])
