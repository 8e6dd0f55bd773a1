"""The page of a letter, and the files that it brings."""

from __future__ import annotations

from html import escape

from qmtwist.mail.charset import decoded_text
from qmtwist.mail.shapes import Iterator, NamedTuple

from .catalogue import Catalogue, Listed
from .frame import Frame, author_link, badge, link_to, month_name, number_of, section
from .masking import Mask
from .mime import Parsed, Part
from .prose import clean, lines, prose

FILE_BYTES = 20 << 20  # of a file that is published
TEXT_BYTES = 2 << 20  # of one that is text, which is read
_WORDS_LETTERS = 50_000  # of a letter that are searched
_EXCERPT_LETTERS = 150
_TEXTS = ("text/plain", "text/html")
_SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
# What a browser shows without running it, each known by its first bytes
_IMAGES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))
_PDF = b"%PDF-"


class Attached(NamedTuple):
    """A file that came with a letter; `extension` is empty if it is named only."""

    place: int  # among the letter's files, from 1
    name: str
    size: int
    extension: str
    data: bytes


class Content(NamedTuple):
    """What is shown of a letter: HTML of its text, its files, and the words by which it is found."""

    prose: str
    files: list[Attached]
    searched: str
    excerpt: str


def content(parsed: Parsed, mask: Mask) -> Content:
    """Make it of a letter that has been taken apart."""
    said: list[str] = []
    searched: list[str] = []
    files: list[Attached] = []
    for part in parsed.parts:
        if part.kind in _TEXTS and not part.is_attached and not (part.name and said):
            found = list(lines(part))
            said.append(prose(found, mask))
            searched += [line.text for line in found if not line.depth]
        elif part.kind not in _SIGNATURES and part.data:
            files.append(_attached(part, len(files) + 1, mask))
            searched.append(files[-1].name)
    if parsed.is_cut:
        said.append('<p class="note">This letter has more parts than are shown.</p>\n')
    text = "\n".join(searched)[:_WORDS_LETTERS]
    return Content("".join(said), files, text, mask(" ".join(_opening(text)))[:_EXCERPT_LETTERS])


def _opening(text: str) -> Iterator[str]:
    """The first words of a letter, without what leads to a quotation."""
    room = 2 * _EXCERPT_LETTERS
    for line in text.split("\n"):
        if room <= 0 or line == "-- ":
            return
        if line.strip() and not line.rstrip().endswith(":"):
            yield from line.split()
            room -= len(line)


def _attached(part: Part, place: int, mask: Mask) -> Attached:
    kind, data = _published(part, mask)
    name = mask(part.name) or (f"{part.kind.partition('/')[2]}.{kind}" if kind else part.kind)
    return Attached(place, name, len(part.data), kind, data)


def _published(part: Part, mask: Mask) -> tuple[str, bytes]:
    """How the name of a file ends that anybody may open, and what is in it; empty for one that is not published.

    What it is counts, not what it is said to be. Text is published as UTF-8, which no browser takes for
    a page, and with masked addresses.
    """
    if len(part.data) > FILE_BYTES:
        return "", b""
    for start, extension in _IMAGES:
        if part.data.startswith(start):
            return extension, part.data
    if part.data.startswith(b"RIFF") and part.data[8:12] == b"WEBP":
        return "webp", part.data
    if part.data.startswith(_PDF):
        return "pdf", part.data
    is_text = part.kind.startswith("text/") and part.kind != "text/html" and b"\0" not in part.data
    if is_text and len(part.data) <= TEXT_BYTES:
        text = mask(clean(decoded_text(part.data, part.charset)))
        return "txt", b"\xef\xbb\xbf" + text.encode("utf-8", "replace")
    return "", b""


def letter_page(frame: Frame, known: Catalogue, number: int, shown: Content) -> bytes:
    """The page of a letter."""
    letter = known.letters[number]
    thread = known.threads[letter.root]
    month = f'<a href="../month/{letter.month}.html">{month_name(letter.month)}</a>'
    inside = f' / <a href="../thread/{letter.root}.html">the whole thread</a>'
    answers = known.answers.get(number, [])
    rows = "".join([_answer(known.letters[one]) for one in answers])
    body = [
        f'<p class="crumbs">{month}{inside if len(thread) > 1 else ""}</p>',
        "<article>",
        f'<div class="who">{badge(letter)}<div>{author_link(letter, "../")}'
        f'<span class="meta">{escape(letter.written)}</span></div></div>',
        f"<h1><bdi>{escape(letter.subject)}</bdi></h1>",
        f'<div dir="auto">{shown.prose}</div>' if shown.prose else '<p class="note">This letter has no text.</p>',
        _files(number, shown.files),
        f'<div class="ways">{_ways(frame, letter)}</div>',
        "</article>",
        section("Answers", f'<ul class="rows">{rows}</ul>') if rows else "",
        f'<nav class="steps">{_steps(known, letter)}</nav>',
    ]
    return frame.page(letter.subject, body)


def _answer(letter: Listed) -> str:
    name = link_to(letter, "../", letter.author)
    return f'<li><div class="what">{name}</div><span class="meta">{letter.day}</span></li>'


def _ways(frame: Frame, letter: Listed) -> str:
    answer = frame.mailto(subject=f"Re: {letter.subject}")
    return f'<a href="{answer}">Answer by mail</a><a href="{frame.mailto(f"get.{letter.number}")}">Get it by mail</a>'


def _steps(known: Catalogue, letter: Listed) -> str:
    number = letter.number
    steps = [f'<a href="{letter.parent}.html">&uarr; what this answers</a>' if letter.parent else ""]
    for name, find in (("in the thread", known.beside_in_thread), ("by date", known.beside)):
        before, after = find(number, -1), find(number, 1)
        if before or after:
            first = f'<a href="{before}.html">&larr; before</a> ' if before else ""
            last = f'<a href="{after}.html">after &rarr;</a>' if after else ""
            steps.append(f"<span>{name}: {first}{last}</span>")
    return "".join(steps)


def _files(number: int, files: list[Attached]) -> str:
    return f'<ul class="files">{"".join([_file(number, one) for one in files])}</ul>' if files else ""


def _file(number: int, file: Attached) -> str:
    name, size = escape(file.name), _size(file.size)
    if not file.extension:
        return f'<li><bdi>{name}</bdi><br><span class="meta">{size}, by mail only</span></li>'
    path = f"../files/{number}/{file.place}.{file.extension}"
    is_image = file.extension not in ("txt", "pdf")
    image = f'<img src="{path}" alt="" loading="lazy">' if is_image else ""
    return f'<li><a href="{path}">{image}<bdi>{name}</bdi></a><br><span class="meta">{size}</span></li>'


def _size(size: int) -> str:
    """A size for people.

    >>> _size(1), _size(2048), _size(3 << 20)
    ('1 byte', '2 kB', '3.1 MB')
    """
    if size < 1000:
        return number_of(size, "byte", "bytes")
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{round(size / 1000)} kB"
