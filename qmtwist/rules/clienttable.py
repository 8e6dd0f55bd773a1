"""Which line of a file is about a client: its address, or the closest block. Addresses are written as in tcprules."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable

from . import peers


class ClientTable:
    """Made once for the lines of a file; asked for each connection."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        """One key for each line, such as `192.0.2.7`, `10.0.`, `10.1-3.`, `10.0.0.0/8`, `[2001:db8::/32]`.

        :raises Malformed: one that is no address and no block.
        """
        rules = []
        for key in keys:
            if not is_address_key(key):
                raise Malformed(f"{key.decode('ascii', 'backslashreplace')} is no address")
            rules.append(key + b":allow\n")
        self._peers = peers.parse(b"".join(rules), b"")

    def find(self, ip: bytes) -> int | None:
        """The place of the line, from 0, that is about this client; None: no line is.

        >>> table = ClientTable([b"10.", b"10.0.0.1", b"[2001:db8::/32]"])
        >>> [table.find(ip) for ip in (b"10.0.0.1", b"10.9.9.9", b"2001:db8::1", b"192.0.2.1")]
        [1, 0, 2, None]
        """
        rule = peers.lookup(self._peers, ip, None, None).rule
        return int(rule.rpartition(b":")[2]) - 1 if rule else None


def is_address_key(key: bytes) -> bool:
    """Whether a key is an address or a block of them, and not a name or the rule for everybody.

    >>> is_address_key(b"10."), is_address_key(b"[::1]"), is_address_key(b"=host"), is_address_key(b"")
    (True, True, False, False)
    """
    inner = key.strip(b"[]")
    plain = b"0123456789./-" if key[:1] != b"[" else b"0123456789abcdefABCDEF.:/"
    return bool(inner) and not inner.translate(None, plain)


def split_key(line: bytes) -> tuple[bytes, bytes]:
    """The address at the start of a line, and what follows its colon.

    >>> split_key(b"[::1]:box:smtp"), split_key(b"10.:box")
    ((b'[::1]', b'box:smtp'), (b'10.', b'box'))
    """
    end = line.find(b"]:") + 1 if line[:1] == b"[" else line.find(b":")
    return (line[:end], line[end + 1 :]) if end > 0 else (line, b"")
