r"""Where a forwarding table sends a message. (fastforward(1))

Everything is looked up and every list is read before the first program is run: what can fail fails while there is
nothing yet that a second attempt would do again.

>>> table = {b":all@h": b"&ann@h\0|cat\0", b":ann@h": b"&ann@there\0&joe@h\0"}
>>> expansion = expand(b"All@H", b"sender@h", table.get, list)
>>> expansion.recipients, expansion.programs, expansion.sender
((b'ann@there', b'joe@h'), (b'|cat',), b'sender@h')
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, Iterable, NamedTuple

from .forwardtext import split_commands

_NO_OWNER = (b"", b"#@[]")

Lookup = Callable[[bytes], bytes | None]
ReadList = Callable[[bytes], Iterable[bytes]]


class Expansion(NamedTuple):
    """`programs` begin with `|` or `!`. `is_loop`: names led to nothing but themselves, and nobody gets the message."""

    sender: bytes
    programs: tuple[bytes, ...]
    recipients: tuple[bytes, ...]
    is_loop: bool


def expand(address: bytes, sender: bytes, lookup: Lookup, read_list: ReadList) -> Expansion | None:
    """Who gets a message for this address, and from whom; None if the table does not know it.

    `lookup` finds a key of the table; `read_list` gives the items of a list file, for its name. Each address and file
    is followed once. An address on the way that has an owner of its own is kept as it is: its mail comes back and is
    sent on with that owner as the sender.

    :raises Malformed: the table holds what is no command.
    """
    commands = _find(b":", address, lookup)
    if commands is None:
        return None
    owner = None if sender in _NO_OWNER else _find(b"?", address, lookup)
    follower = _Follower(lookup, read_list)
    follower.follow(split_commands(commands))
    # Found last to first, as a stack gives them; people expect the order in which they wrote them.
    recipients = tuple(reversed(follower.recipients))
    is_loop = follower.has_repeated and not recipients and not follower.programs
    return Expansion(sender if owner is None else owner, tuple(follower.programs), recipients, is_loop)


def _find(kind: bytes, address: bytes, lookup: Lookup) -> bytes | None:
    """What the table says about an address: itself, its host, or its local part at every host."""
    address = address.lower()
    found = lookup(kind + address)
    if found is None and b"@" in address:
        local, _, host = address.rpartition(b"@")
        found = lookup(kind + b"@" + host)
        if found is None:
            found = lookup(kind + local + b"@")
    return found


class _Follower:
    """Follows commands until only programs and final recipients are left."""

    def __init__(self, lookup: Lookup, read_list: ReadList) -> None:
        self._lookup = lookup
        self._read_list = read_list
        self._seen: set[bytes] = set()
        self._waiting: list[bytes] = []
        self.programs: list[bytes] = []
        self.recipients: list[bytes] = []
        self.has_repeated = False

    def follow(self, commands: Iterable[bytes]) -> None:
        """All commands, and what comes of them."""
        self._take(commands)
        while self._waiting:
            command = self._waiting.pop()
            if command in self._seen:
                self.has_repeated = self.has_repeated or command[:1] == b"&"
                continue
            self._seen.add(command)
            if command[:1] == b"&":
                self._address(command[1:])
            else:
                self._waiting += self._read_list(command)

    def _take(self, commands: Iterable[bytes]) -> None:
        for command in commands:
            (self.programs if command[:1] in (b"|", b"!") else self._waiting).append(command)

    def _address(self, address: bytes) -> None:
        key = address.lower()
        if self._lookup(b"?" + key) is None:
            commands = self._lookup(b":" + key)
            if commands is not None:
                self._take(split_commands(commands))
                return
        self.recipients.append(address)
