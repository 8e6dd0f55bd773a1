"""A letter taken apart: its texts, and what is attached. (RFC 2045, RFC 2046, RFC 3676)

Whatever is wrong with a letter, something is shown of it. Time and memory are a small multiple of its size.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, a2b_qp

from qmtwist.mail.decodedword import decoded_words
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.rules.lists.heading import cut, header_end, value

from .fields import file_name, parameters

DEPTH = 12  # of parts in parts
PARTS = 100
_HEADER_BYTES = 1 << 18
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


class Part(NamedTuple):
    """Something that a letter consists of. `data` has no transfer encoding any more."""

    kind: str  # such as text/plain, in lower case
    data: bytes
    charset: bytes = b""
    name: str = ""
    is_attached: bool = False
    is_flowed: bool = False  # RFC 3676: lines that end in a blank go on in the next
    is_space_dropped: bool = False  # and that blank is not part of the text


class Parsed(NamedTuple):
    """A letter: its fields, and its parts in order; `is_cut`: there are more."""

    fields: list[Field]
    parts: list[Part]
    is_cut: bool = False


def parse(text: bytes) -> Parsed:
    """Take a letter apart. Of alternatives the plain text counts, or else the last that is text."""
    text = text.replace(b"\r\n", b"\n")
    fields, body = _separated(text)
    parts: list[Part] = []
    for part in _parts(fields, body, "text/plain", 0):
        if len(parts) == PARTS:
            return Parsed(fields, parts, True)
        parts.append(part)
    return Parsed(fields, parts)


def _separated(text: bytes) -> tuple[list[Field], bytes]:
    head = text[:_HEADER_BYTES]
    end = header_end(head)
    if end < 0:
        return (cut(head).fields, b"") if len(text) <= _HEADER_BYTES else ([], text)
    return cut(head[:end]).fields, text[end + 1 :]


def first(fields: list[Field], name: bytes) -> bytes:
    """What the first field of this name says; empty without one."""
    return next((value(field) for field in fields if field.name == name), b"")


def _parts(fields: list[Field], body: bytes, usual: str, depth: int) -> Iterator[Part]:
    kind, settings = parameters(first(fields, b"content-type"))
    kind = kind if kind.count("/") == 1 else usual
    disposition, more = parameters(first(fields, b"content-disposition"))
    encoding = first(fields, b"content-transfer-encoding").lower()
    boundary = settings.get("boundary", b"")
    pieces = _split(body, boundary) if kind.startswith("multipart/") and boundary and depth < DEPTH else []
    if pieces:
        yield from _inside(kind, pieces, depth + 1)
        return
    data = _decoded(body, encoding)
    if kind == "message/rfc822" and depth < DEPTH:
        yield from _message(data, depth + 1)
        return
    is_flowed = settings.get("format", b"").lower() == b"flowed"
    yield Part(
        "text/plain" if kind.startswith("multipart/") else kind,
        data,
        settings.get("charset", b""),
        file_name(more, settings),
        disposition == "attachment",
        is_flowed and kind == "text/plain",
        settings.get("delsp", b"").lower() == b"yes",
    )


def _inside(kind: str, pieces: list[bytes], depth: int) -> Iterator[Part]:
    usual = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    if kind != "multipart/alternative":
        for piece in pieces:
            yield from _parts(*_separated_part(piece), usual, depth)
        return
    found = [list(_parts(*_separated_part(piece), usual, depth)) for piece in pieces[:PARTS]]
    texts = [parts for parts in found if any(_is_text(part, "text/plain") for part in parts)]
    pages = [parts for parts in found if any(_is_text(part, "text/html") for part in parts)]
    chosen = (texts or pages[-1:] or found[-1:])[:1]
    for parts in chosen:
        yield from parts
    if texts:  # what came along with the page and is no page
        for parts in pages:
            yield from [part for part in parts if parts not in texts and not part.kind.startswith("text/")]


def _is_text(part: Part, kind: str) -> bool:
    return part.kind == kind and not part.is_attached and bool(part.data.strip())


def _separated_part(piece: bytes) -> tuple[list[Field], bytes]:
    """A part without fields begins with its empty line."""
    if piece[:1] == b"\n":
        return [], piece[1:]
    return _separated(piece)


def _message(data: bytes, depth: int) -> Iterator[Part]:
    """A letter in a letter: who wrote it, and then its parts."""
    fields, body = _separated(data)
    names = ((b"from", "From"), (b"date", "Date"), (b"subject", "Subject"))
    lines = [f"{shown}: {decoded_words(first(fields, name))}" for name, shown in names if first(fields, name)]
    yield Part("text/plain", "\n".join(["---- a message ----", *lines, ""]).encode(), b"utf-8")
    yield from _parts(fields, body, "text/plain", depth)


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    r"""The parts between lines that are `--` and the boundary; the last one need not be closed.

    >>> _split(b"preamble\n--x\na\n--x \n\nb\n--xy\n--x--\nepilogue", b"x")
    [b'a', b'\nb\n--xy']
    """
    body, marker = b"\n" + body, b"\n--" + boundary
    pieces: list[bytes] = []
    start, at = -1, 0
    while (at := body.find(marker, at)) >= 0:
        end = body.find(b"\n", at + len(marker))
        end = len(body) if end < 0 else end
        after = body[at + len(marker) : end].rstrip(b" \t")
        if after in (b"", b"--"):
            if start >= 0:
                pieces.append(body[start:at])
            start = end + 1
            if after:
                return pieces
            if len(pieces) > PARTS:
                return pieces
        at = end
    return [*pieces, body[start:]] if 0 <= start < len(body) else pieces


def _decoded(body: bytes, encoding: bytes) -> bytes:
    try:
        if encoding == b"quoted-printable":
            return a2b_qp(body)
        if encoding == b"base64":
            letters = body.partition(b"=")[0].translate(None, _NOT_BASE64)
            return a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"==")
    except Error:
        pass
    return body
