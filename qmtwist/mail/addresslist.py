r"""To, Cc and their like: lists of addresses with names, comments and groups. (RFC 5322 §3.4; qmail token822)

A field is cut into tokens, its addresses are handed to a rewriting function, and the tokens are written out again. The
grammar is qmail's, which takes a good deal more than the standard: dots in names, missing commas, old routes. A list is
read from right to left, because in that direction it is always clear what a word belongs to.

Time and memory are proportional to the field; nothing recurses, however deep the parentheses go.

>>> field = tokenize(b"To: Joe (that one) <joe@host>, ann@host")
>>> format_tokens(rewrite_list(field, lambda address: address + tokenize(b".example")))
b'To: Joe (that one) <joe@host.example>, ann@host.example\n'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .errors import Malformed

ATOM, QUOTED, LITERAL, COMMENT = b"a", b"q", b"l", b"c"
DOT, COMMA, AT, LEFT, RIGHT, COLON, SEMICOLON = b".", b",", b"@", b"<", b">", b":", b";"
_WORDS = frozenset((ATOM, QUOTED, LITERAL))
_TEXTS = frozenset((ATOM, QUOTED, LITERAL, COMMENT))
_PHRASE = frozenset((COMMENT, ATOM, QUOTED, AT, DOT))

_SPECIALS = frozenset(b".,@<>:;")
_BLANKS = frozenset(b" \t\r\n")
_CLOSINGS = {ord("("): ord(")"), ord("["): ord("]"), ord('"'): ord('"')}
_BACKSLASH = ord("\\")
_ENDS_ATOM = _SPECIALS | _BLANKS | frozenset(_CLOSINGS)
_ATOM_ONLY = bytes(byte for byte in range(32, 127) if byte not in b")]\\")
_ESCAPED = b'"[]()\\\r\n'

WIDTH = 78


class Token(NamedTuple):
    """A piece of a field. `text` is empty for the one-character kinds, else without quotes, brackets, backslashes."""

    kind: bytes
    text: bytes = b""


Rewrite = Callable[[list[Token]], list[Token]]


def tokenize(data: bytes) -> list[Token]:
    r"""The tokens of a field or a part of one.

    :raises Malformed: a token that begins with `)` or `]`, or a quote, literal or comment that does not end.

    >>> [token.text or token.kind for token in tokenize(rb'"J \"x\"" (a (b)) <j@[::1]>')]
    [b'J "x"', b'a b', b'<', b'j', b'@', b'::1', b'>']
    """
    tokens: list[Token] = []
    at, end = 0, len(data)
    while at < end:
        byte = data[at]
        if byte in _BLANKS:
            at += 1
        elif byte in _SPECIALS:
            tokens.append(Token(data[at : at + 1]))
            at += 1
        elif byte in _CLOSINGS:
            token, at = _enclosed(data, at)
            tokens.append(token)
        elif byte in b")]":
            raise Malformed("unbalanced bracket in address list", "5.1.3")
        else:
            token, at = _atom(data, at)
            tokens.append(token)
    return tokens


def _enclosed(data: bytes, at: int) -> tuple[Token, int]:
    """A quoted string, literal or comment; only comments nest, and lose their inner parentheses."""
    opening = data[at]
    closing = _CLOSINGS[opening]
    text, level = bytearray(), 1
    at += 1
    while at < len(data):
        byte = data[at]
        if byte == closing:
            level -= 1
            if not level:
                return Token({40: COMMENT, 91: LITERAL}.get(opening, QUOTED), bytes(text)), at + 1
        elif byte == opening == 40:
            level += 1
        elif byte == _BACKSLASH:
            at += 1
            text += data[at : at + 1]
        else:
            text.append(byte)
        at += 1
    raise Malformed("unterminated quote, literal or comment in address list", "5.1.3")


def _atom(data: bytes, at: int) -> tuple[Token, int]:
    """An atom; it is taken for a quoted string if it holds what no atom may."""
    start, end = at, len(data)
    while at < end and data[at] not in _ENDS_ATOM and data[at] != _BACKSLASH:
        at += 1
    text = bytearray(data[start:at])
    while at < end and data[at] not in _ENDS_ATOM:
        if data[at] == _BACKSLASH:
            at += 1
        text += data[at : at + 1]
        at += 1
    value = bytes(text)
    return Token(QUOTED if value.translate(None, _ATOM_ONLY) else ATOM, value), at


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


def rewrite_list(field: list[Token], rewrite: Rewrite) -> list[Token]:
    """A field (its first two tokens are its name and the colon) with each of its addresses rewritten.

    `rewrite` is called for the addresses from the last to the first, with their tokens in reading order.

    :raises Malformed: the list cannot be understood; addresses to the right of the fault have been rewritten.
    """
    return field[:2] + _ListReader(field[2:], rewrite).read()


class _ListReader:
    """Reads one list from right to left; both results grow backwards."""

    def __init__(self, tokens: list[Token], rewrite: Rewrite) -> None:
        self._left = tokens  # what is still to be read, the next token last
        self._rewrite = rewrite
        self._out: list[Token] = []
        self._address: list[Token] = []
        self._is_in_group = False
        self._may_join = True  # whether a word here belongs to the address on its right

    def read(self) -> list[Token]:
        while self._left:
            kind = self._left[-1].kind
            if kind in _WORDS:
                self._word()
            elif kind == COMMENT:
                self._copy()
            elif kind == COMMA:
                self._end_address()
                self._copy()
                self._may_join = True
            elif kind == RIGHT:
                self._angle()
            elif kind == SEMICOLON:
                self._group_end()
            elif kind == COLON:
                self._group_name()
            else:
                self._address.append(self._left.pop())
                self._may_join = True
        self._end_address()
        return self._out[::-1]

    def _copy(self) -> None:
        self._out.append(self._left.pop())

    def _next_is(self, kind: bytes) -> bool:
        return self._left[-1].kind == kind

    def _give_address(self) -> None:
        """Rewrite it, even an empty one."""
        self._out += self._rewrite(self._address[::-1])[::-1]
        self._address = []

    def _end_address(self) -> None:
        if self._address:
            self._give_address()

    def _supply_comma(self) -> None:
        if self._address:
            self._give_address()
            self._out.append(Token(COMMA))

    def _word(self) -> None:
        if not self._may_join:
            self._supply_comma()
        self._address.append(self._left.pop())
        self._may_join = False

    def _angle(self) -> None:
        """`name <address>`: the address alone is rewritten."""
        self._supply_comma()
        self._copy()
        while self._left and not self._next_is(LEFT):
            self._address.append(self._left.pop())
        self._give_address()
        if not self._left:
            raise Malformed("no < for a > in address list", "5.1.3")
        self._copy()
        while self._left and self._left[-1].kind in _PHRASE:
            self._copy()
        self._may_join = False

    def _group_end(self) -> None:
        self._supply_comma()
        if self._is_in_group:
            raise Malformed("group within a group", "5.1.3")
        self._is_in_group = True
        self._copy()
        self._may_join = True

    def _group_name(self) -> None:
        """Everything left of the colon, up to the comma before it."""
        self._end_address()
        if not self._is_in_group:
            raise Malformed("colon outside a group in address list", "5.1.3")
        self._is_in_group = False
        while self._left and not self._next_is(COMMA):
            self._copy()
        if self._left:
            self._copy()
        self._may_join = True
