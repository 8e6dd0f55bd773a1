r"""The words of address lists: a field cut into tokens, and written out again. (RFC 5322 §3.2; qmail token822)

Everything that reads addresses cuts them with `tokenize`; who reads lists walks over the tokens (`addresslist`).

Time and memory are proportional to the text, and a field has at most `LIMIT_TOKENS`; nothing recurses, however deep
the parentheses go.
"""

from __future__ import annotations

from .errors import Malformed
from .shapes import NamedTuple

ATOM, QUOTED, LITERAL, COMMENT = b"a", b"q", b"l", b"c"
DOT, COMMA, AT, LEFT, RIGHT, COLON, SEMICOLON = b".", b",", b"@", b"<", b">", b":", b";"
WORDS = frozenset((ATOM, QUOTED, LITERAL))
_TEXTS = frozenset((ATOM, QUOTED, LITERAL, COMMENT))

_SPECIALS = b".,@<>:;"
_BLANKS = frozenset(b" \t\r\n")
_BACKSLASH, _OPENING = ord("\\"), ord("(")
# What an atom is made of; anything else in one came with a backslash, and as an atom would be read as something else.
_ATOM_ONLY = bytes(byte for byte in range(33, 127) if byte not in b")]\\" + _SPECIALS)
_ESCAPED = b'"[]()\\\r\n'

WIDTH = 78
LIMIT_TOKENS = 2_000_000  # about 250 MB; a hundred thousand recipients need half of that


class Token(NamedTuple):
    """A piece of a field. `text` is empty for the one-character kinds, else without quotes, brackets, backslashes."""

    kind: bytes
    text: bytes = b""


class TooLong(Malformed):
    """More tokens than anybody means to write."""


def _stops(at: bytes) -> bytes:
    """A table for `bytes.translate` that leaves a 1 where one of these bytes was."""
    return bytes([byte in at for byte in range(256)])


_ONE_CHARACTER = {byte: Token(b"%c" % byte) for byte in _SPECIALS}
# By the opening byte: the kind, and where to look up inside.
_ENCLOSED = {
    ord("("): (COMMENT, _stops(b"()\\")),
    ord("["): (LITERAL, _stops(b"]\\")),
    ord('"'): (QUOTED, _stops(b'"\\')),
}
_ATOM_STOPS = _stops(_SPECIALS + b' \t\r\n(["\\')


def tokenize(data: bytes, is_tolerant: bool = False, limit_tokens: int = LIMIT_TOKENS) -> list[Token]:
    r"""The tokens of a field or a part of one.

    If it is tolerant, what is open is closed at the end and a stray bracket is a word of its own.

    :raises Malformed: a token that begins with `)` or `]`, or a quote, literal or comment that does not end.
    :raises TooLong: more tokens than the limit.

    >>> [token.text or token.kind for token in tokenize(rb'"J \"x\"" (a (b)) <j@[::1]>')]
    [b'J "x"', b'a b', b'<', b'j', b'@', b'::1', b'>']
    >>> tokenize(b'"J', is_tolerant=True)
    [Token(kind=b'q', text=b'J')]
    """
    return Lexer(data, is_tolerant).tokens(limit_tokens)


class Lexer:
    """Cuts one piece of text; `tokenize` or a reader of another kind of list makes it and throws it away."""

    _blank: Token | None = None  # what stands for blanks, if they count

    def __init__(self, data: bytes, is_tolerant: bool) -> None:
        self._data = data
        self._at = 0
        self._is_tolerant = is_tolerant
        self._marks: dict[bytes, bytes] = {}  # by table: the data with only its stops marked

    def tokens(self, limit_tokens: int) -> list[Token]:
        """See `tokenize`."""
        data, end, blank = self._data, len(self._data), self._blank
        tokens: list[Token] = []
        while self._at < end and len(tokens) <= limit_tokens:
            byte = data[self._at]
            if byte in _BLANKS:
                self._at += 1
                if blank:
                    tokens.append(blank)
                continue
            if byte in _ONE_CHARACTER:
                self._at += 1
                tokens.append(_ONE_CHARACTER[byte])
            elif byte in _ENCLOSED:
                tokens.append(self._enclosed(*_ENCLOSED[byte]))
            elif byte in b")]" and not self._is_tolerant:
                raise Malformed("unbalanced bracket in address list", "5.1.3")
            else:
                tokens.append(self._atom())
        if len(tokens) > limit_tokens:
            raise TooLong("too many words in an address list", "5.1.3")
        return tokens

    def _stop(self, table: bytes) -> int:
        """Where the next stop is, or the end. The data are marked once, or many small tokens would be quadratic."""
        marks = self._marks.get(table)
        if marks is None:
            marks = self._marks[table] = self._data.translate(table)
        found = marks.find(b"\1", self._at)
        return len(self._data) if found < 0 else found

    def _enclosed(self, kind: bytes, table: bytes) -> Token:
        """A quoted string, literal or comment; only comments nest, and lose their inner parentheses."""
        data, text, level = self._data, bytearray(), 1
        self._at += 1
        while level:
            stop = self._stop(table)
            text += data[self._at : stop]
            self._at = stop + 1
            if stop == len(data):
                if not self._is_tolerant:
                    raise Malformed("unterminated quote, literal or comment in address list", "5.1.3")
                return Token(kind, bytes(text.rstrip(b"\r\n")))
            if data[stop] == _BACKSLASH:
                text += data[self._at : self._at + 1]
                self._at += 1
            else:
                level += 1 if data[stop] == _OPENING else -1
        return Token(kind, bytes(text))

    def _atom(self) -> Token:
        """An atom; it is taken for a quoted string if it holds what no atom may, or nothing."""
        data, start = self._data, self._at
        self._at = self._stop(_ATOM_STOPS)
        text = data[start : self._at]
        if data[self._at : self._at + 1] == b"\\":
            text = self._escaped(bytearray(text))
        return Token(ATOM if text and not text.translate(None, _ATOM_ONLY) else QUOTED, text)

    def _escaped(self, text: bytearray) -> bytes:
        """The rest of an atom, from its first backslash on."""
        data = self._data
        while data[self._at : self._at + 1] == b"\\":
            escaped = data[self._at + 1 : self._at + 2]
            # a line end must not be written before anything but a blank, and what follows this one is another token
            text += b"" if escaped in (b"\r", b"\n") else escaped
            self._at += 2
            stop = self._stop(_ATOM_STOPS)
            text += data[self._at : stop]
            self._at = stop
        return bytes(text)


def unquote(tokens: list[Token]) -> bytes:
    """An address as an envelope has it: no quotes, no comments, no blanks.

    >>> unquote(tokenize(b'"joe smith" (him) @ [127.0.0.1]'))
    b'joe smith@[127.0.0.1]'
    """
    parts = []
    for kind, text in tokens:
        if kind == LITERAL:
            parts.append(b"[" + text + b"]")
        elif kind != COMMENT:
            parts.append(text if kind in _TEXTS else kind)
    return b"".join(parts)


def format_tokens(tokens: list[Token], width: int = WIDTH) -> bytes:
    r"""A field on lines of at most `width` bytes where that is possible: it is folded after commas only.

    >>> format_tokens(tokenize(b"To:a@b,c . d @e"), width=10)
    b'To: a@b,\n  c.d@e\n'
    """
    lines: list[bytes] = []
    line = before = b""
    piece: list[bytes] = []  # of the line: one element of the list, its comma included
    for token in tokens:
        if _needs_space(before, token.kind):
            piece.append(b" ")
        piece.append(_formatted(token))
        before = token.kind
        if before == COMMA:
            line = _joined(lines, line, b"".join(piece), width)
            piece = []
    line = _joined(lines, line, b"".join(piece), width)
    return b"\n ".join([*lines, line]) + b"\n"


def _joined(lines: list[bytes], line: bytes, piece: bytes, width: int) -> bytes:
    """The line with the piece if it fits; else the line is done and the piece begins the next."""
    if not line:
        return piece
    # A line after the first begins with one blank more than it has here.
    if len(line) + len(piece) + (1 if lines else 0) <= width:
        return line + piece
    lines.append(line)
    return piece


def _needs_space(before: bytes, after: bytes) -> bool:
    if before in (COLON, COMMA):
        return True
    return bool(before) and (after == LEFT or (before in _TEXTS and after in _TEXTS))


def _formatted(token: Token) -> bytes:
    kind, text = token
    if kind not in _TEXTS:
        return kind
    if text.translate(None, _ESCAPED) != text:
        text = b"".join([b"\\%c" % byte if byte in _ESCAPED else b"%c" % byte for byte in text])
    if kind == QUOTED:
        return b'"' + text + b'"'
    if kind == LITERAL:
        return b"[" + text + b"]"
    return b"(" + text + b")" if kind == COMMENT else text
