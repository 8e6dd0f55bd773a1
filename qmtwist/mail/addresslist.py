r"""To, Cc and their like: lists of addresses with names, comments and groups. (RFC 5322 §3.4; qmail token822)

A field is cut into tokens, its addresses are handed to a rewriting function, and the tokens are written out again. The
grammar is qmail's, which takes a good deal more than the standard: dots in names, missing commas, old routes. A list is
read from right to left, because in that direction it is always clear what a word belongs to.

Everything that reads addresses cuts them with `tokenize`; who reads lists of another kind walks over its tokens:
`rewrite_list` and `addresses` for header fields, `loose_addresses` for .forward and aliases files.

Time and memory are proportional to the field, and a field has at most `LIMIT_TOKENS`; nothing recurses, however deep
the parentheses go.

>>> field = tokenize(b"To: Joe (that one) <joe@host>, ann@host")
>>> format_tokens(rewrite_list(field, lambda address: address + tokenize(b".example")))
b'To: Joe (that one) <joe@host.example>, ann@host.example\n'
"""

from __future__ import annotations

from .errors import Malformed
from .shapes import Callable, Iterator, NamedTuple

ATOM, QUOTED, LITERAL, COMMENT = b"a", b"q", b"l", b"c"
DOT, COMMA, AT, LEFT, RIGHT, COLON, SEMICOLON = b".", b",", b"@", b"<", b">", b":", b";"
WORDS = frozenset((ATOM, QUOTED, LITERAL))
_TEXTS = frozenset((ATOM, QUOTED, LITERAL, COMMENT))
_SEPARATORS = frozenset((COMMA, COLON, SEMICOLON))
_PHRASE = frozenset((COMMENT, ATOM, QUOTED, AT, DOT))

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


Rewrite = Callable[[list[Token]], list[Token]]


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


def rewrite_list(field: list[Token], rewrite: Rewrite) -> list[Token]:
    """A field (its first two tokens are its name and the colon) with each of its addresses rewritten.

    `rewrite` is called for the addresses from the last to the first, with their tokens in reading order.

    :raises Malformed: the list cannot be understood; addresses to the right of the fault have been rewritten.
    """
    return field[:2] + _ListReader(field[2:], rewrite).read()


def addresses(tokens: list[Token]) -> list[list[Token]]:
    """The addresses of a list, without the field's name, from the first to the last; an empty one is from `<>`.

    :raises Malformed: the list cannot be understood.

    >>> [unquote(address) for address in addresses(tokenize(b"team: Joe <joe@host>, ann (x) @host;, bob"))]
    [b'joe@host', b'ann@host', b'bob']
    """
    found: list[list[Token]] = []

    def take(address: list[Token]) -> list[Token]:
        found.append(address)
        return address

    _ListReader(tokens[:], take).read()
    return found[::-1]


def loose_addresses(tokens: list[Token]) -> Iterator[list[Token]]:
    """The addresses of a line of a .forward or aliases file, from the last to the first, one at a time.

    Commas, colons and semicolons separate them, and so does a blank between two words. There are no groups and no
    routes; an empty address is from `<>`.

    :raises Malformed: a `>` without its `<`, when it is reached.

    >>> [unquote(address) for address in loose_addresses(tokenize(b"list: joe@host ann, Bob <bob@host>"))]
    [b'bob@host', b'ann', b'joe@host', b'list']
    """
    left, may_join = list(tokens), True
    address: list[Token] = []
    while left:
        token = left.pop()
        if token.kind == COMMENT:
            continue
        ends = token.kind in _SEPARATORS or token.kind == RIGHT or (token.kind in WORDS and not may_join)
        if ends and address:
            yield address[::-1]
            address = []
        if token.kind == RIGHT:
            yield _between_angles(left)
        elif token.kind not in _SEPARATORS:
            address.append(token)
        may_join = token.kind not in WORDS and token.kind != RIGHT
    if address:
        yield address[::-1]


def _between_angles(left: list[Token]) -> list[Token]:
    """Takes the address up to its `<`, and the name before that, from the end of what is left."""
    address: list[Token] = []
    while left and left[-1].kind != LEFT:
        address.append(left.pop())
    if not left:
        raise Malformed("no < for a > in address list", "5.1.3")
    left.pop()
    while left and left[-1].kind in _PHRASE:
        left.pop()
    return address[::-1]


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
            if kind in WORDS:
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
