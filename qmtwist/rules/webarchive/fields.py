"""Fields with parameters: Content-Type and Content-Disposition. (RFC 2045 §5.1, RFC 2231)"""

from __future__ import annotations

from qmtwist.mail.charset import decoded_text
from qmtwist.mail.decodedword import decoded_words

_FIELD_BYTES = 4096  # of a field that are looked at
_NAME_LETTERS = 120


def parameters(text: bytes) -> tuple[str, dict[str, bytes]]:
    r"""A field's value in lower case, and its parameters; names in lower case, quotes taken off, the first counts.

    >>> parameters(b'Text/Plain; charset="UTF-8" ; name="a;\\"b"; x')
    ('text/plain', {'charset': b'UTF-8', 'name': b'a;"b'})
    """
    first, *pieces = _pieces(text[:_FIELD_BYTES])
    found: dict[str, bytes] = {}
    for piece in pieces:
        name, equals, value = piece.partition(b"=")
        if equals:
            found.setdefault(name.strip().lower().decode("latin-1"), _unquoted(value.strip()))
    return first.strip().lower().decode("latin-1"), found


def _pieces(text: bytes) -> list[bytes]:
    """A text cut at semicolons outside of quotes."""
    pieces, start, at, is_quoted = [], 0, 0, False
    while at < len(text):
        letter = text[at : at + 1]
        if letter == b"\\" and is_quoted:
            at += 1
        elif letter == b'"':
            is_quoted = not is_quoted
        elif letter == b";" and not is_quoted:
            pieces.append(text[start:at])
            start = at + 1
        at += 1
    return [*pieces, text[start:]]


def _unquoted(value: bytes) -> bytes:
    if value[:1] != b'"':
        return value
    inner = value[1:].rpartition(b'"')[0] if value.endswith(b'"') and len(value) > 1 else value[1:]
    if b"\\" not in inner:
        return inner
    plain, at = bytearray(), 0
    while at < len(inner):
        at += inner[at] == 92 and at + 1 < len(inner)
        plain.append(inner[at])
        at += 1
    return bytes(plain)


def text_parameter(found: dict[str, bytes], name: str) -> str:
    r"""What a parameter says, however it is written: plain, as encoded words, or in pieces with a character set.

    >>> text_parameter({"filename*0*": b"utf-8'en'Zo%C3%AB", "filename*1": b" M.txt"}, "filename")
    'Zoë M.txt'
    >>> text_parameter({"name": b"=?utf-8?q?=C3=AB?="}, "name")
    'ë'
    """
    if name in found:
        return decoded_words(found[name])
    if f"{name}*" in found:
        charset, _, rest = found[f"{name}*"].partition(b"'")
        return decoded_text(_unescaped(rest.partition(b"'")[2]), charset)
    charset, data = b"", b""
    for number in range(len(found)):
        piece = found.get(f"{name}*{number}*")
        if piece is None:
            piece = found.get(f"{name}*{number}")
            if piece is None:
                break
            data += piece
            continue
        if not number:
            charset, _, piece = piece.partition(b"'")
            piece = piece.partition(b"'")[2]
        data += _unescaped(piece)
    return decoded_text(data, charset)


def _unescaped(text: bytes) -> bytes:
    first, *rest = text.split(b"%")
    said = [first]
    for piece in rest:
        try:
            said.append(bytes([int(piece[:2], 16)]) + piece[2:])
        except ValueError:
            said.append(b"%" + piece)
    return b"".join(said)


def file_name(disposition: dict[str, bytes], kind: dict[str, bytes]) -> str:
    """What a part says that its file is called, for people to read; no name of ours is made of it.

    >>> file_name({"filename": b"C:\\\\tmp\\\\../a b.txt"}, {})
    'a b.txt'
    """
    said = text_parameter(disposition, "filename") or text_parameter(kind, "name")
    name = said.replace("\\", "/").rpartition("/")[2]
    return "".join([one for one in name if one.isprintable()]).strip()[:_NAME_LETTERS]
