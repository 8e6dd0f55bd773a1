r"""To, Cc and their like, read by somebody who must not fail. (mess822(3))

`addresslist` keeps a field as it was written and says where it cannot be understood. Here every text is a list of
members: what was opened is closed at the end, a name may stand without an address, groups and routes are names, and
what was a comment becomes a name. The list is read from right to left, where it is always clear what a word belongs to.

>>> for member in read_members(b'Joe Q. Public <q@p.r>, "x y"@z.w (him), grp: a, b@c;, <@r:d@e'):
...     print(format_member(member).decode())
"Joe Q. Public" <q@p.r>
"him" <"x y"@z.w>
"grp" <a>
b@c
"@r" <d@e>

Time and memory are proportional to the text.
"""

from __future__ import annotations

from .address import needs_quoting
from .addresstokens import (
    AT,
    COLON,
    COMMA,
    COMMENT,
    DOT,
    LEFT,
    LIMIT_TOKENS,
    RIGHT,
    SEMICOLON,
    WIDTH,
    WORDS,
    Lexer,
    Token,
    unquote,
)
from .header import Field
from .shapes import NamedTuple

_PIECES = WORDS | {DOT, AT}
_SILENT = frozenset((COMMA, SEMICOLON, COLON, LEFT, RIGHT))
_ENDS_PHRASE = frozenset((COMMA, SEMICOLON, COLON, RIGHT))
BLANK = b" "
_BLANK = Token(BLANK)
_OPENING, _BACKSLASH = ord("("), ord("\\")

# What may stand in an encoded word (RFC 2047 §2) outside of quotes; a dot there is wrong but usual.
_IN_ENCODED_WORD = bytes(byte for byte in range(33, 127) if byte not in b'"(),:;<>@[\\]')
_ENCODED_WORD_BYTES = 75
_ONE_LINE = bytes(32 if byte in b"\r\n" else byte for byte in range(256))


class Member(NamedTuple):
    """One of a list: a display name, empty if there is none, and an address.

    `box` is None if there is only a name, as of a group without members. `host` is empty if none was given.
    """

    name: bytes
    box: bytes | None
    host: bytes

    @property
    def address(self) -> bytes:
        """As the envelope has it; empty for `<>` and for a name alone.

        >>> Member(b"", b"joe", b"host").address, Member(b"", b"joe", b"").address
        (b'joe@host', b'joe')
        """
        box = self.box or b""
        return box + b"@" + self.host if self.host else box


def unfolded(field: Field) -> bytes:
    r"""What stands behind the colon, without the line ends; the blanks after them are kept.

    >>> unfolded(Field(b"subject", b"Subject: a\n b\n"))
    b' a b'
    """
    return field.raw.partition(b":")[2].replace(b"\n", b"")


def read_members(text: bytes, limit_tokens: int = LIMIT_TOKENS) -> list[Member]:
    """The list that a text is, from its first to its last member.

    :raises TooLong: more words and other tokens than the limit; nothing else is wrong with any text.
    """
    return _together(_Reader(verbatim_tokens(text, limit_tokens)).read())


def verbatim_tokens(text: bytes, limit_tokens: int = LIMIT_TOKENS) -> list[Token]:
    """Its tokens, with one of kind `BLANK` for each blank; comments keep their inner parentheses.

    :raises TooLong: as `read_members`.
    """
    return _Verbatim(text, True).tokens(limit_tokens)


class _Verbatim(Lexer):
    """Keeps blanks, a token for each, and the parentheses within comments: what they are in may become a name."""

    _blank = _BLANK

    def _enclosed(self, kind: bytes, table: bytes) -> Token:
        if kind != COMMENT:
            return super()._enclosed(kind, table)
        data, text, level = self._data, bytearray(), 1
        self._at += 1
        while True:
            stop = self._stop(table)
            text += data[self._at : stop]
            self._at = stop + 1
            if stop == len(data):
                return Token(COMMENT, bytes(text))
            byte = data[stop]
            if byte == _BACKSLASH:
                text += data[self._at : self._at + 1]
                self._at += 1
                continue
            level += 1 if byte == _OPENING else -1
            if not level:
                return Token(COMMENT, bytes(text))
            text.append(byte)


class _Reader:
    """Reads one list from right to left; what it finds and the pieces of names grow backwards."""

    def __init__(self, tokens: list[Token]) -> None:
        self._left = tokens  # what is still to be read, the next token last
        self._found: list[Member] = []
        self._name: list[bytes] = []
        self._address: list[Token] = []
        self._has_address = False  # an empty one counts
        self._is_in_phrase = False  # what comes is the name of the address on its right
        self._may_join = True  # whether a word here belongs to the address on its right

    def read(self) -> list[Member]:
        left = self._left
        while left:
            token = left.pop()
            kind = token.kind
            if self._is_in_phrase:
                if kind not in _ENDS_PHRASE:
                    self._add_name(token)
                    continue
                self._end_address()
                self._is_in_phrase, self._may_join = False, True
            self._take(token, kind)
        self._end_entry()
        return self._found[::-1]

    def _take(self, token: Token, kind: bytes) -> None:
        """A token outside of a phrase."""
        if kind in WORDS:
            if not self._may_join:
                self._end_address()
            self._add(token)
            self._may_join = False
        elif kind == COMMENT:
            self._name += [b" ", token.text, b" "]
        elif token is _BLANK:
            self._name.append(b" ")
        elif kind == RIGHT:
            self._angle()
        elif kind in (COLON, LEFT):  # of a group, or of an address whose > is missing
            self._is_in_phrase = True
        else:
            if kind in _PIECES:
                self._add(token)
            else:
                self._end_entry()
            self._may_join = True

    def _add(self, token: Token) -> None:
        self._address.append(token)
        self._has_address = True

    def _add_name(self, token: Token) -> None:
        if token.kind not in _SILENT:
            self._name.append(unquote([token]) or token.text)

    def _angle(self) -> None:
        """`name <address>`, or `name <route:address>`."""
        self._end_address()
        self._has_address = True
        take = self._address.append
        while self._left:
            token = self._left.pop()
            if token.kind == LEFT:
                break
            if token.kind == COLON:
                take = self._add_name
            elif token.kind in _PIECES:
                take(token)
            else:
                self._add_name(token)
        self._is_in_phrase = True

    def _end_address(self) -> None:
        if self._has_address:
            words = self._address[::-1]
            at = next((place for place, token in enumerate(words) if token.kind == AT), len(words))
            self._found.append(Member(self._taken_name(), unquote(words[:at]), unquote(words[at + 1 :])))
            self._address, self._has_address = [], False

    def _end_entry(self) -> None:
        self._end_address()
        name = self._taken_name()
        if name:
            self._found.append(Member(name, None, b""))

    def _taken_name(self) -> bytes:
        """The pieces of a name, which came backwards, with one blank where there were several."""
        name = b"".join(self._name[::-1])
        self._name = []
        return b" ".join([word for word in name.split(b" ") if word])


def _together(found: list[Member]) -> list[Member]:
    """A name that stands alone belongs to the address behind it if that has none: `(Joe), joe@host`."""
    result: list[Member] = []
    for member in found:
        if result and result[-1].box is None and member.box is not None and not member.name:
            member = member._replace(name=result.pop().name)
        result.append(member)
    return result


def format_members(prefix: bytes, members: list[Member], width: int = WIDTH) -> bytes:
    r"""A whole field, folded after commas where that keeps its lines at `width` bytes. `prefix` is its beginning.

    >>> format_members(b"To: ", read_members(b"a@b,c . d @e"), width=10)
    b'To: a@b,\n  c.d@e\n'
    """
    lines: list[bytes] = []
    line = prefix
    last = len(members) - 1
    for place, member in enumerate(members):
        piece = format_member(member) + (b"," if place < last else b"")
        if place and len(line) + 1 + len(piece) > width:
            lines.append(line)
            line = b"  " + piece
        else:
            line += b" " + piece if place else piece
    return b"\n".join([*lines, line]) + b"\n"


def format_member(member: Member) -> bytes:
    r"""As a header has it: `"name" <address>`, the address alone, or `"name": ;`.

    >>> format_member(Member(b'J "x" Y', b"a b", b"[::1]"))
    b'"J \\"x\\" Y" <"a b"@[::1]>'
    """
    if member.box is None:
        return _quoted(member.name) + b": ;"
    address = shown(member)
    if member.name:
        return _phrase(member.name) + b" <" + address + b">"
    return address or b"<>"


def shown(member: Member) -> bytes:
    """The address with quotes where it needs them; empty if box and host are.

    >>> shown(Member(b"", b"joe", b".org")), shown(Member(b"", b"", b""))
    (b'joe@".org"', b'')
    """
    box, host = member.box or b"", member.host
    if not (box or host):
        return b""
    if needs_quoting(box):
        box = _quoted(box)
    if not host:
        return box
    if not needs_quoting(host):
        return box + b"@" + host
    if len(host) > 1 and host[:1] == b"[" and host[-1:] == b"]":
        return box + b"@[" + _escaped(host[1:-1]) + b"]"
    return box + b"@" + _quoted(host)


def _phrase(name: bytes) -> bytes:
    """A display name in quotes; but within quotes an encoded word would be no encoded word. (RFC 2047 §5)"""
    if b"=?" not in name:
        return _quoted(name)
    return b" ".join([word if _is_encoded_word(word) else _quoted(word) for word in name.split(b" ")])


def _is_encoded_word(word: bytes) -> bool:
    is_one = len(word) <= _ENCODED_WORD_BYTES and word.startswith(b"=?") and word.endswith(b"?=")
    return is_one and word.count(b"?") == 4 and not word.translate(None, _IN_ENCODED_WORD)


def _quoted(text: bytes) -> bytes:
    return b'"' + _escaped(text) + b'"'


def _escaped(text: bytes) -> bytes:
    text = text.translate(_ONE_LINE)
    for special in (b"\\", b'"', b"[", b"]", b"\0"):
        text = text.replace(special, b"\\" + special)
    return text
