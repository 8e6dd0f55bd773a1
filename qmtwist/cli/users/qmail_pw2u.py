"""qmail-pw2u: build address assignments from a password file

    qmail-pw2u [ -/ohHuUC ] [ -c CHAR ] < /etc/passwd > users/assign

Reads a password file and prints lines for users/assign; run qmail-newu afterwards. Root is always left out.

    -o       (default) leave out users whose home directory is missing or not their own
    -h       stop if a home directory is missing; leave out users who do not own theirs
    -H       do not look at home directories
    -U       (default) leave out users with a capital letter in their name; -u: take them too
    -c CHAR  the character between user and extension, instead of `-`; -C: no extensions
    -/       extensions have their .qmail files in a directory: ~/.qmail-/ext instead of ~/.qmail-ext

users/include: if there, only these users (alias must be one of them). users/exclude: not these users. users/mailnames:
lines `user:name1:name2:...`, other names for a user. users/subusers: lines `name:user:pre:`. users/append: copied to
the end.

Exit status: 0; 100 for a bad option; 111 with a message.
"""

from __future__ import annotations

import os

from qmtwist.control.grammar import parse_list, parse_map, parse_names
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.assignfile import (
    ALIAS,
    Entry,
    Style,
    account_lines,
    has_upper,
    parse_passwd,
    parse_subuser,
    subuser_lines,
)
from qmtwist.store.durable import read, write_all


class _Fatal(Exception):
    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class _Usage(Exception):
    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class _Options(NamedTuple):
    homes: str = "o"
    may_have_upper: bool = False
    style: Style = Style()


class _Lists(NamedTuple):
    include: frozenset[bytes] | None
    exclude: frozenset[bytes]
    names: dict[bytes, bytes]


def main(arguments: list[bytes], home: str) -> int:
    """Options, then nothing."""
    try:
        options = _parse(arguments)
        _convert(options, home)
    except _Usage as usage:
        write_all(2, b"qmail-pw2u: " + usage.text + b"\n")
        return 100
    except _Fatal as fatal:
        write_all(2, b"qmail-pw2u: fatal: " + fatal.text + b"\n")
        return 111
    return 0


# -- options


def _parse(arguments: list[bytes]) -> _Options:
    options = _Options()
    words = list(arguments)
    while words and words[0][:1] == b"-" and words[0] != b"-":
        word = words.pop(0)[1:]
        if word == b"-":
            break
        while word:
            letter, word = word[:1], word[1:]
            if letter == b"c":
                if not word and not words:
                    raise _Usage(b"option requires an argument -- c")
                options = _separated(options, (word or words.pop(0))[:1])
                break
            options = _set(options, letter)
    return options


def _set(options: _Options, letter: bytes) -> _Options:
    if letter in (b"o", b"h", b"H"):
        return options._replace(homes=letter.decode())
    if letter in (b"u", b"U"):
        return options._replace(may_have_upper=letter == b"u")
    if letter == b"C":
        return _separated(options, b"")
    if letter == b"/":
        return options._replace(style=options.style._replace(dash=b"-/"))
    raise _Usage(b"illegal option -- " + letter)


def _separated(options: _Options, separator: bytes) -> _Options:
    return options._replace(style=options.style._replace(separator=separator))


# -- the work


def _convert(options: _Options, home: str) -> None:
    try:
        os.chdir(home)
    except OSError:
        raise _Fatal(b"unable to chdir")
    include = _read("users/include")
    lists = _Lists(
        None if include is None else parse_names(parse_list(include)),
        parse_names(parse_list(_read("users/exclude") or b"")),
        parse_map(parse_list(_read("users/mailnames") or b"")),
    )
    accounts: dict[bytes, Entry] = {}
    output: list[bytes] = []
    for line in _input().split(b"\n"):
        entry = parse_passwd(line)
        if entry is not None and _is_wanted(entry, options, lists):
            accounts[entry.user.lower()] = entry
            output += account_lines(entry, _mail_names(entry, lists), options.style)
    _print(output)
    if not any(entry.user == ALIAS for entry in accounts.values()):
        raise _Fatal(b"unable to find alias user")
    _print(_subusers(accounts, options.style) + _appendix() + [b".\n"])


def _is_wanted(entry: Entry, options: _Options, lists: _Lists) -> bool:
    key = entry.user.lower()
    if has_upper(entry.user) and not options.may_have_upper:
        return False
    if (lists.include is not None and key not in lists.include) or key in lists.exclude:
        return False
    if options.homes == "H":
        return True
    try:
        owner = os.stat(entry.home).st_uid
    except FileNotFoundError:
        if options.homes == "h":
            raise _Fatal(b"unable to stat " + entry.home)
        return False
    except OSError:
        raise _Fatal(b"unable to stat " + entry.home)
    return owner == int(entry.uid[: len(entry.uid) - len(entry.uid.lstrip(b"0123456789"))])


def _mail_names(entry: Entry, lists: _Lists) -> list[bytes] | None:
    names = lists.names.get(entry.user.lower())
    return None if names is None else [name for name in names.split(b":") if name]


def _subusers(accounts: dict[bytes, Entry], style: Style) -> list[bytes]:
    found: list[bytes] = []
    for line in (_read("users/subusers") or b"").split(b"\n"):
        subuser = parse_subuser(line)
        if subuser is not None:
            entry = accounts.get(subuser.user.lower())
            if entry is None:
                _print(found)
                raise _Fatal(b"unable to find %s user for subuser" % subuser.user)
            found += subuser_lines(subuser, entry, style)
    return found


def _appendix() -> list[bytes]:
    """users/append as it is; a missing last LF is added, as the dot must stand on a line of its own."""
    data = _read("users/append") or b""
    return [data if not data or data.endswith(b"\n") else data + b"\n"]


def _read(path: str) -> bytes | None:
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except OSError:
        raise _Fatal(b"unable to read controls")


def _input() -> bytes:
    pieces = []
    try:
        while piece := os.read(0, 65536):
            pieces.append(piece)
    except OSError:
        raise _Fatal(b"unable to read input")
    return b"".join(pieces)


def _print(lines: list[bytes]) -> None:
    try:
        write_all(1, b"".join(lines))
    except OSError:
        raise _Fatal(b"unable to write output")
