r"""What the words of .forward files, alias tables and mailing lists mean. (dot-forward, fastforward)

>>> [tuple(word)[:2] for word in words(b'joe, "|cat >x", /var/x, :include:/etc/list')]
[(b'i', b'/etc/list'), (b'f', b'/var/x'), (b'p', b'cat >x'), (b'a', b'joe')]
"""

from __future__ import annotations

from qmtwist.mail.addresslist import loose_addresses
from qmtwist.mail.addresstokens import AT, ATOM, COLON, COMMA, LEFT, LITERAL, QUOTED, RIGHT, Token, tokenize, unquote
from qmtwist.mail.errors import MailError
from qmtwist.mail.shapes import Iterator, NamedTuple

ADDRESS, PROGRAM, FILE, INCLUDE = b"a", b"p", b"f", b"i"

_SHOWN_BYTES = 2000
_MARK = Token(INCLUDE)
_INCLUDE = Token(ATOM, b"include")
_COLON, _BAR = Token(COLON), Token(ATOM, b"|")


class Mistake(MailError):
    """A file says what cannot be carried out; `complaint` is for whoever wrote it, and `why` what it leaves open.

    `is_lasting`: the programs of fastforward exit with 100 for it, not with 111.
    """

    def __init__(self, complaint: bytes, is_lasting: bool = False, why: str = "") -> None:
        super().__init__(complaint.decode("latin-1"))
        self.complaint = complaint
        self.is_lasting = is_lasting
        self.why = why


def unparsable(text: bytes, why: str) -> Mistake:
    r"""About a line or entry that cannot be understood, with its line end; a very long one is not shown whole.

    >>> unparsable(b"fred (\n", "the comment does not end").complaint
    b'unable to parse this line: fred (\n'
    """
    shown = text if len(text) <= _SHOWN_BYTES else text[:_SHOWN_BYTES] + b"...\n"
    return Mistake(b"unable to parse this line: " + shown, why=why)


class Word(NamedTuple):
    """An address, a shell command without its bar, or a file name. The text of an address may be empty.

    `has_at`: of an address, whether a host is given; `has_literal`: whether that is in square brackets.
    """

    kind: bytes
    text: bytes
    has_at: bool = False
    has_literal: bool = False


class Hosts(NamedTuple):
    """The names that complete addresses."""

    defaulthost: bytes
    defaultdomain: bytes
    plusdomain: bytes


def words(line: bytes) -> Iterator[Word]:
    """The words of one entry, from the last to the first.

    :raises Malformed: the line cannot be understood; before the first word, or when the fault is reached.
    """
    for tokens in loose_addresses(_marked(tokenize(line))):
        if tokens and tokens[0] == _MARK:
            yield Word(INCLUDE, unquote(tokens[1:]))
            continue
        text = unquote(tokens)
        has_at = any(token.kind == AT for token in tokens)
        if not has_at and text[:1] == b"|":
            yield Word(PROGRAM, text[1:])
        elif not has_at and text[:1] == b"/":
            yield Word(FILE, text)
        else:
            yield Word(ADDRESS, text, has_at, bool(tokens) and tokens[-1].kind == LITERAL)


def _marked(tokens: list[Token]) -> list[Token]:
    """The tokens with a mark in place of each `:include:`, and each bar before a quoted string inside of it.

    sendmail and Postfix take `|"program with arguments"` for the same as `"|program with arguments"`.
    """
    marked: list[Token] = []  # backwards
    is_in_angles, at = False, len(tokens)
    while at:
        at -= 1
        token = tokens[at]
        if token.kind in (LEFT, RIGHT):
            is_in_angles = token.kind == RIGHT
        if token == _COLON and not is_in_angles and at >= 2 and tokens[at - 2 : at] == [_COLON, _INCLUDE]:
            marked += _MARK, Token(COMMA)
            at -= 2
        elif token == _BAR and marked and marked[-1].kind == QUOTED and marked[-1].text[:1] != b"|":
            marked[-1] = Token(QUOTED, b"|" + marked[-1].text)
        else:
            marked.append(token)
    return marked[::-1]


def complete(word: Word, hosts: Hosts) -> bytes:
    """A whole address for an address that is not empty.

    >>> hosts = Hosts(b"h.dom", b"d.dom", b"p.dom")
    >>> [complete(word, hosts) for word in words(b"joe joe@a joe@a+ joe@a.b joe@[::1]")][::-1]
    [b'joe@h.dom', b'joe@a.d.dom', b'joe@a.p.dom', b'joe@a.b', b'joe@[::1]']
    """
    text = word.text if word.has_at else word.text + b"@"
    if text[-1:] == b"@":
        text += hosts.defaulthost
    if text[-1:] == b"+":
        text = text[:-1] + b"." + hosts.plusdomain
    if b"." not in text.rpartition(b"@")[2] and not word.has_literal:
        text += b"." + hosts.defaultdomain
    return text
