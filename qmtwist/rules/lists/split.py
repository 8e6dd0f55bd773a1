"""Which of several lists an address belongs to: lines of domain:low:high:list. (ezmlm-split)"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple

from .address import FILES, hash_of

_LAST = len(FILES) - 1


class Share(NamedTuple):
    """The addresses with this domain (empty: all) whose hash is in a row, and their list; empty for the list itself."""

    domain: bytes
    low: int
    high: int
    to: bytes

    def has(self, keys: Iterable[bytes], number: int) -> bool:
        """Whether an address belongs to it, by the forms of its domain and its hash."""
        return self.low <= number <= self.high and (not self.domain or self.domain in keys)


def shares(text: bytes) -> list[Share]:
    r"""The lines of the file.

    :raises Malformed: one of them is none.

    >>> shares(b"# by land\nedu:::us\n:0:25:l1@h.dom\n\n:26::l2\n")[1:]
    [Share(domain=b'', low=0, high=25, to=b'l1@h.dom'), Share(domain=b'', low=26, high=52, to=b'l2')]
    """
    found = []
    for number, line in enumerate(text.split(b"\n"), 1):
        words = [word.strip() for word in line.split(b":", 3)]
        if line[:1] == b"#" or not line.strip():
            continue
        words += [b""] * (4 - len(words))
        domain, low, high, to = words
        if b":" not in line or not all(not word or (word.isdigit() and len(word) < 9) for word in (low, high)):
            raise Malformed(f"syntax error in line {number}")
        found.append(Share(domain.lower().strip(b"."), int(low or b"0"), int(high or b"%d" % _LAST), to))
    return found


def list_of(found: Iterable[Share], address: bytes) -> bytes:
    r"""The list that an address belongs to; empty for the list itself.

    :raises Malformed: it is no address.

    >>> found = shares(b"com.aol:0::big\ncom:::small\n")
    >>> [list_of(found, address) for address in (b"a@mail.aol.COM", b"a@x.com", b"a@x.community")]
    [b'big', b'small', b'']
    """
    lower = address.lower()
    local, at, host = lower.rpartition(b"@")
    if not local or not at:
        raise Malformed("address does not contain @")
    keys, number = _keys(host), hash_of(lower)
    return next((share.to for share in found if share.has(keys, number)), b"")


def _keys(host: bytes) -> tuple[bytes, ...]:
    """What a domain may be called: `com`, and `com.aol` or `aol.com`.

    >>> _keys(b"mail.aol.com."), _keys(b"x")
    ((b'com', b'com.aol', b'aol.com'), (b'x',))
    """
    labels = host.strip(b".").split(b".")[-2:]
    return (labels[-1],) if len(labels) < 2 else (labels[1], b".".join(labels[::-1]), b".".join(labels))
