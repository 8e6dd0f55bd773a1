r"""To, Cc and their like: lists of addresses with names, comments and groups. (RFC 5322 §3.4; qmail token822)

A field is cut into tokens, its addresses are handed to a rewriting function, and the tokens are written out again. The
grammar is qmail's, which takes a good deal more than the standard: dots in names, missing commas, old routes. A list is
read from right to left, because in that direction it is always clear what a word belongs to.

The tokens are those of `addresstokens`: `rewrite_list` and `addresses` walk over those of header fields,
`loose_addresses` over those of .forward and aliases files.

>>> from qmtwist.mail.addresstokens import format_tokens, tokenize
>>> field = tokenize(b"To: Joe (that one) <joe@host>, ann@host")
>>> format_tokens(rewrite_list(field, lambda address: address + tokenize(b".example")))
b'To: Joe (that one) <joe@host.example>, ann@host.example\n'
"""

from __future__ import annotations

from .addresstokens import AT, ATOM, COLON, COMMA, COMMENT, DOT, LEFT, QUOTED, RIGHT, SEMICOLON, WORDS, Token
from .errors import Malformed
from .shapes import Callable, Iterator

_SEPARATORS = frozenset((COMMA, COLON, SEMICOLON))
_PHRASE = frozenset((COMMENT, ATOM, QUOTED, AT, DOT))

Rewrite = Callable[[list[Token]], list[Token]]


def rewrite_list(field: list[Token], rewrite: Rewrite) -> list[Token]:
    """A field (its first two tokens are its name and the colon) with each of its addresses rewritten.

    `rewrite` is called for the addresses from the last to the first, with their tokens in reading order.

    :raises Malformed: the list cannot be understood; addresses to the right of the fault have been rewritten.
    """
    return field[:2] + _ListReader(field[2:], rewrite).read()


def addresses(tokens: list[Token]) -> list[list[Token]]:
    """The addresses of a list, without the field's name, from the first to the last; an empty one is from `<>`.

    :raises Malformed: the list cannot be understood.

    >>> from qmtwist.mail.addresstokens import tokenize, unquote
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

    >>> from qmtwist.mail.addresstokens import tokenize, unquote
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
