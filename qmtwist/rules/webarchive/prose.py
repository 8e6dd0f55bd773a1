"""The text of a letter as HTML: quotations, signatures and links are told apart, and everything is escaped."""

from __future__ import annotations

import re
from html import escape

from qmtwist.mail.charset import UNSHOWN, decoded_text
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple, Sequence

from .htmltext import html_text
from .masking import Mask
from .mime import Part

LIMIT_LETTERS = 200_000  # of a text that are shown
_FOLDED_LINES = 14  # of a quotation: longer ones are folded
_DEPTH = 4  # of quotations that look different
_LINK = re.compile(r"\bhttps?://[^\s<>\"'`{}|\\^\x00-\x1f]{1,1000}", re.IGNORECASE)
_UNSHOWN = re.compile(f"(?![\n\t])[{UNSHOWN}]")
_META = re.compile(rb"<meta\b[^<>]*\bcharset=[\"']?([\w-]+)", re.IGNORECASE)
_META_BYTES = 4096  # of a page that may say what it is written in
_PATCH = ("diff --git ", "@@ -", "--- a/", "+++ b/", "Index: ")
_ALIGNED = re.compile(r"\S(?: {3}|\t)\s*\S|[|+][-=]{3}")
_TRAILING = ".,;:!?…"


class Line(NamedTuple):
    """A line of a letter: how often it is quoted, and what it says."""

    depth: int
    text: str


def plain(part: Part) -> str:
    """The text of a part of a letter, whatever it is written in."""
    charset = part.charset
    if part.kind == "text/html" and not charset and (said := _META.search(part.data[:_META_BYTES])):
        charset = said[1]
    text = decoded_text(part.data[: 5 * LIMIT_LETTERS], charset)
    return clean(html_text(text) if part.kind == "text/html" else text)


def clean(text: str) -> str:
    r"""Without characters that a line must not have.

    >>> clean("a\r\nb\x1b[1m\tc")
    'a\nb[1m\tc'
    """
    return _UNSHOWN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def lines(part: Part) -> Iterator[Line]:
    """The lines of a part of a letter that is text; those that belong together are one. (RFC 3676 §4)"""
    text = plain(part)
    if len(text) > LIMIT_LETTERS:
        text = text[:LIMIT_LETTERS] + "\n[the rest of this text is not shown]"
    text = text.rstrip()
    if not part.is_flowed:
        for raw in text.split("\n"):
            yield _quoted(raw, " ")
        return
    held: Line | None = None
    for raw in text.split("\n"):
        line = _quoted(raw, "")
        line = Line(line.depth, line.text.removeprefix(" "))
        if held is not None and held.depth == line.depth and line.text != "-- ":
            line = Line(line.depth, held.text + line.text)
        elif held is not None:
            yield held
        held = None
        if line.text.endswith(" ") and line.text != "-- ":
            held = line._replace(text=line.text[:-1]) if part.is_space_dropped else line
        else:
            yield line
    if held is not None:
        yield held


def _quoted(line: str, between: str) -> Line:
    """How often a line is quoted, which is one `>` for each time."""
    depth = at = 0
    while at < len(line) and line[at] == ">":
        depth += 1
        at += 1
        if between and line[at : at + 2] == " >":
            at += 1
    text = line[at:]
    return Line(depth, text.removeprefix(" ") if depth else text)


def prose(text: Iterable[Line], mask: Mask) -> str:
    """A part that is text, as HTML."""
    said: list[str] = []
    block: list[Line] = []
    for line in text:
        if block and (line.depth > 0) != (block[0].depth > 0):
            said.append(_block(block, mask))
            block = []
        block.append(line)
    said.append(_block(block, mask))
    return "".join(said)


def _block(block: list[Line], mask: Mask) -> str:
    """Lines that are quoted, or lines that are not."""
    while block and not block[0].text.strip():
        block = block[1:]
    while block and not block[-1].text.strip():
        block = block[:-1]
    if not block:
        return ""
    if not block[0].depth:
        return _own(block, mask)
    shown = "\n".join([_line(line, mask) for line in block])
    quotation = f'<blockquote class="text">{shown}</blockquote>\n'
    if len(block) <= _FOLDED_LINES:
        return quotation
    return f"<details><summary>{len(block)} quoted lines</summary>{quotation}</details>\n"


def _own(block: list[Line], mask: Mask) -> str:
    """What the author wrote, and below `-- ` their signature."""
    at = next((at for at, line in enumerate(block) if line.text == "-- "), len(block))
    text = "\n".join([marked(line.text, mask) for line in block[:at]]).rstrip()
    signature = "\n".join([marked(line.text, mask) for line in block[at + 1 :]])
    kind = "text fixed" if is_fixed([line.text for line in block[:at]]) else "text"
    said = f'<div class="{kind}">{text}</div>\n' if text else ""
    return said + (f'<div class="text signature">{signature}</div>\n' if signature.strip() else "")


def is_fixed(text: Sequence[str]) -> bool:
    """Whether it matters where in their lines letters stand: in a patch, or in what looks like a table.

    >>> is_fixed(["a  b", "", "@@ -1,2 +1,3 @@"]), is_fixed(["name   size", "a      1"]), is_fixed(["Hi.  I am", "Joe"])
    (True, True, False)
    """
    aligned = sum(bool(_ALIGNED.search(line)) for line in text)
    return any(line.startswith(_PATCH) for line in text) or aligned * 3 > sum(bool(line.strip()) for line in text)


def _line(line: Line, mask: Mask) -> str:
    text = marked(line.text, mask)
    return text if line.depth <= 1 else f'<span class="q{min(line.depth, _DEPTH)}">{text}</span>'


def marked(text: str, mask: Mask) -> str:
    """A line as HTML: links lead somewhere, addresses are masked.

    >>> marked("see <https://x.example/?a=1&b=2>, a@b.example", Mask("l", "h"))
    'see &lt;<a href="https://x.example/?a=1&amp;b=2" rel="nofollow ugc noopener noreferrer">https://x.example/?a=1&amp;b=2</a>&gt;, a@…'
    """  # noqa: E501
    said: list[str] = []
    at = 0
    for found in _LINK.finditer(text):
        address = found[0].rstrip(_TRAILING)
        if address.endswith(")") and "(" not in address:
            address = address.rstrip(")" + _TRAILING)
        said.append(escape(mask(text[at : found.start()])))
        at = found.start() + len(address)
        if mask.has(address):
            said.append(escape(mask(address)))
        else:
            shown = escape(address)
            said.append(f'<a href="{shown}" rel="nofollow ugc noopener noreferrer">{shown}</a>')
    return "".join([*said, escape(mask(text[at:]))])
