"""Lines of users/assign out of a password file. (qmail-pw2u(8))"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator, NamedTuple

ALIAS = b"alias"


class Style(NamedTuple):
    """How extensions are written: the dash field, and the break character (empty: they are not written at all)."""

    dash: bytes = b"-"
    separator: bytes = b"-"


class Entry(NamedTuple):
    """What a line of the password file says; uid and gid as they are written."""

    user: bytes
    uid: bytes
    gid: bytes
    home: bytes

    @property
    def middle(self) -> bytes:
        """The fields that every line of this user has in the middle."""
        return b":%s:%s:%s:%s:" % self


def parse_passwd(line: bytes) -> Entry | None:
    """The entry of a line without its LF; None for what is no entry, and for root by any name.

    >>> parse_passwd(b"joe:x:507:100:Joe:/home/joe:/bin/sh").uid, parse_passwd(b"toor:x:0:0:::")
    (b'507', None)
    """
    fields = line.split(b":")
    if b"\0" in line or len(fields) < 7:
        return None
    digits = fields[2][: len(fields[2]) - len(fields[2].lstrip(b"0123456789"))]
    if not int(digits or b"0"):
        return None
    return Entry(fields[0], fields[2], fields[3], fields[5])


def has_upper(name: bytes) -> bool:
    """Whether a name has a capital letter: no mail is given to such users, as local parts are matched in lower case."""
    return any(65 <= byte <= 90 for byte in name)


def account_lines(entry: Entry, names: list[bytes] | None, style: Style) -> Iterator[bytes]:
    """The assignments of one account; `names` instead of its own name, if users/mailnames has any."""
    if entry.user == ALIAS:
        yield b"+%s%s::\n" % (entry.middle, style.dash)
    for name in [entry.user] if names is None else names:
        yield b"=%s%s::\n" % (name, entry.middle)
        if style.separator:
            yield b"+%s%s%s%s::\n" % (name, style.separator, entry.middle, style.dash)


class Subuser(NamedTuple):
    """An address of its own below a user, with a prefix for its .qmail files."""

    name: bytes
    user: bytes
    pre: bytes


def parse_subuser(line: bytes) -> Subuser | None:
    """A line of users/subusers, `sub:user:pre:`; None when it has too few colons."""
    fields = line.split(b":")
    return Subuser(fields[0], fields[1], fields[2]) if len(fields) > 3 else None


def subuser_lines(subuser: Subuser, entry: Entry, style: Style) -> Iterator[bytes]:
    """The assignments of one subuser of this account."""
    start = entry.middle + style.dash
    yield b"=%s%s:%s:\n" % (subuser.name, start, subuser.pre)
    if style.separator:
        yield b"+%s%s%s:%s%s:\n" % (subuser.name, style.separator, start, subuser.pre, style.separator)
