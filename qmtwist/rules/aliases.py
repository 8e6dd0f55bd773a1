r"""/etc/aliases, as sendmail and Postfix users write it, to the records of a forwarding table. (newaliases(1))

>>> hosts = Hosts(b"example.org", b"example.org", b"example.org")
>>> list(records(Entry(1, b"Staff: joe,\n ann@there.example\n"), hosts))
[(b':staff@', b'&ann@there.example\x00&joe@example.org\x00')]
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

from .aliaswords import ADDRESS, FILE, INCLUDE, PROGRAM, Hosts, Mistake, Word, complete, unparsable, words

LIMIT_BYTES = 800  # of an address
_OWNER = b"owner-"
_NAMES = ((b"\n", b"newlines"), (b"\0", b"NUL"))


class Entry(NamedTuple):
    """A line with its continuations, and the number of its first line, from 1."""

    line: int
    text: bytes


def entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    r"""What a file says, from its lines with their line ends.

    A line that begins with a space or tab continues the entry before it; empty lines end nothing. A line that begins
    with `#` is a comment, and so are its continuations; but after an entry that ends with a comma only the line
    itself, or the rest of the list would be lost. A continuation whose first character is `#` is a comment as well.

    >>> list(entries([b"a: b,\n", b"# or\n", b"\n", b"  c\n", b"d: e"]))
    [Entry(line=1, text=b'a: b,\n  c\n'), Entry(line=5, text=b'd: e')]
    """
    start, found, is_comment = 0, [b""], False
    for number, line in enumerate(lines, 1):
        first = line[:1]
        if not line.strip(b" \t\r\n"):
            continue
        if first == b" " or first == b"\t":
            if not is_comment and line.lstrip(b" \t")[:1] != b"#":
                start = start or number
                found.append(line)
            continue
        if first == b"#" and found[-1].rstrip()[-1:] == b",":
            continue
        if start:
            yield Entry(start, b"".join(found))
        is_comment = first == b"#"
        start, found = (0, [b""]) if is_comment else (number, [line])
    if start:
        yield Entry(start, b"".join(found))


def records(entry: Entry, hosts: Hosts) -> Iterator[tuple[bytes, bytes]]:
    """The records of one entry: its commands, after the owner if it names one.

    :raises Mistake: with newaliases's words.
    """
    target, full, commands = _read(entry, hosts)
    if not commands:
        if target:
            raise unparsable(entry.text, "nobody is to get its mail")
        return
    if not target:
        raise unparsable(entry.text, "it does not begin with a name")
    if target.startswith(_OWNER):
        yield b"?" + target[len(_OWNER) :].lower(), full
    yield b":" + target.lower(), b"\0".join([*commands, b""])


def _read(entry: Entry, hosts: Hosts) -> tuple[bytes, bytes, list[bytes]]:
    """The target, the same as a whole address, and the commands. From right to left each address may be the target."""
    commands: list[bytes] = []
    target = full = b""
    try:
        for word in words(entry.text):
            if word.kind != ADDRESS:
                commands.append(_command(word))
                continue
            if target:
                commands.append(b"&" + full)
            target = word.text if word.has_at else word.text + b"@"
            full = _address(word, hosts)
    except Malformed as error:
        raise unparsable(entry.text, error.text) from error
    return target, full, commands


def _command(word: Word) -> bytes:
    text = word.text
    if word.kind == FILE:
        raise Mistake(b"file delivery %s not supported" % text)
    if word.kind == PROGRAM:
        return b"!" + _without(b"\0", text, b"program names")
    return include_name(text) + b".bin"


def include_name(text: bytes) -> bytes:
    """The file that `:include:text` names; without a path it is in the directory where it is used.

    :raises Mistake: it cannot be a file.
    """
    if not text:
        raise Mistake(b"empty :include: filenames not permitted")
    text = _without(b"\n\0", text, b":include: filenames")
    return text if text[:1] in (b".", b"/") else b"./" + text


def _address(word: Word, hosts: Hosts) -> bytes:
    if not word.text:
        raise Mistake(b"empty recipient addresses not permitted")
    full = complete(word, hosts)
    if len(full) > LIMIT_BYTES:
        raise Mistake(b"addresses over 800 bytes are not permitted", is_lasting=True)
    return _without(b"\0\n", full, b"recipient addresses")


def includes(commands: bytes) -> list[bytes]:
    r"""The texts of the lists that the commands of a record name.

    >>> includes(b"&joe@h\0/etc/list.bin\0")
    [b'/etc/list']
    """
    return [
        item[: -len(b".bin")] for item in commands.split(b"\0") if item[:1] in (b".", b"/") and item[-4:] == b".bin"
    ]


def included(line: bytes, hosts: Hosts) -> Iterator[bytes]:
    r"""The items of one line of a text for newinclude, each with its NUL; none of a comment.

    :raises Mistake: with newinclude's words.

    >>> list(included(b"joe@there, :include: more\n", Hosts(b"h", b"d", b"p")))
    [b'./more\x00', b'&joe@there.d\x00']
    """
    if line[:1] == b"#":
        return
    try:
        for word in words(line):
            if word.kind == INCLUDE:
                yield include_name(word.text) + b"\0"
            elif word.kind != ADDRESS:
                kind, text = (b"file", word.text) if word.kind == FILE else (b"program", b"|" + word.text)
                raise Mistake(b"%s delivery %s not supported" % (kind, text))
            elif word.text:
                yield b"&" + _listed(complete(word, hosts)) + b"\0"
    except Malformed as error:
        raise unparsable(line, error.text) from error


def _listed(address: bytes) -> bytes:
    _without(b"\n\0", address, b"recipient addresses")
    if len(address) > LIMIT_BYTES:
        raise Mistake(b"addresses must be under 800 bytes")
    if address[-1:] in (b" ", b"\t"):
        raise Mistake(b"spaces and tabs not permitted at ends of addresses")
    return address


def _without(forbidden: bytes, text: bytes, what: bytes) -> bytes:
    """The text, if none of these bytes is in it."""
    for byte, name in _NAMES:
        if byte in forbidden and byte in text:
            raise Mistake(b"%s not permitted in %s" % (name, what))
    return text
