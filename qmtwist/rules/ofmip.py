"""What ofmipd makes of a message on its way from a mail reader to the queue. (ofmipd(8) of mess822)"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable
from qmtwist.mail.date import rfc822
from qmtwist.mail.errors import MailError, Malformed
from qmtwist.mail.header import HeaderReader
from qmtwist.mail.shapes import Callable, Iterable, Iterator, NamedTuple
from qmtwist.mail.tolerant import Member

from .regroup import Regrouping, display_name, id_end
from .rewrite import Rules

HEADER_BYTES = 1 << 20  # of one message; nothing else is done while a header is put into order
HEADER_TOKENS = 250_000  # of one field
_REMOVED = frozenset((b"bcc", b"apparently-to", b"return-path", b"content-length"))
_CLEAN = bytes(byte if 33 <= byte <= 126 and byte not in b"()@\\" else 63 for byte in range(256))


class Author(NamedTuple):
    """Whom a message is from: `address` of the envelope; with a name, what From says is replaced."""

    address: bytes
    name: bytes | None


Lookup = Callable[[bytes], bytes | None]
"""A name database: the data under a rewritten address. It raises OSError and Malformed."""


def parse_names(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    r"""Records of a name database from lines `key:Name:address:`; other lines say nothing.

    >>> list(parse_names([b"# ours", b"joe@h:Joe S:J.S@h.org:", b"a:b"]))
    [(b'joe@h', b'Joe S\x00J.S@h.org')]
    """
    for line in lines:
        key, *rest = line.split(b":")
        if line[:1] != b"#" and len(rest) > 2:
            yield key, rest[0] + b"\0" + rest[1]


def received(info: bytes | None, ip: bytes | None, now: int) -> bytes:
    """The line on top. `info` is the IDENT answer, `now` in POSIX seconds.

    >>> received(b"joe", b"10.0.0.9", 1795238029)
    b'Received: (ofmipd joe@10.0.0.9); 21 Nov 2026 05:13:49 -0000\\n'
    """
    who = b"" if info is None else info.translate(_CLEAN) + b"@"
    return b"Received: (ofmipd %s%s); %s\n" % (who, (ip or b"unknown").translate(_CLEAN), rfc822(now))


class Ofmip:
    """The rules for one session: what becomes of its addresses and messages."""

    def __init__(self, rules: Rules, idhost: bytes, pid: int, chance: int, names: Lookup | None) -> None:
        """`chance` is a random number of 64 bits, and differs between sessions."""
        self._rules = rules
        self._idhost = idhost
        self._pid = pid
        self._chance = chance
        self._names = names
        self._counter = 0

    def author(self, offered: bytes) -> Author | None:
        """Of MAIL; None: SMTP could not name the address.

        :raises OSError: the name database cannot be read. :raises Malformed: it is damaged.
        """
        address, name = self._rules.address(offered), None
        data = None if self._names is None else self._names(address)
        if data is not None:
            name, nul, address = data.partition(b"\0")
            if not nul:
                raise Malformed("no address in the name database")
        return Author(address, name) if is_sendable(address) else None

    def recipient(self, offered: bytes) -> bytes | None:
        """Of RCPT; None: there is none, or SMTP could not name it."""
        address = self._rules.address(offered)
        return address if address and is_sendable(address) else None

    def letter(self, author: Author, now: int) -> Letter:
        """A message begins."""
        return Letter(self, author, now)

    def header(self, fields: HeaderReader, author: Author, now: int) -> bytes:
        """The header of a message of this session. Raises as `Regrouping`."""
        found = Regrouping(fields.fields, self._rules, removed=_REMOVED, limit_tokens=HEADER_TOKENS)
        if author.name is not None:
            found.lists[b"from"] = []
        if not found.has_id:
            self._counter += 1
        box, _, host = author.address.rpartition(b"@")
        member = Member(display_name(author.name), box, host) if box else Member(display_name(author.name), host, b"")
        return found.written(now, member, id_end(self._counter, self._pid, self._chance, self._idhost))


class Letter:
    """One message as it comes in, in pieces; its header is held back until it is complete."""

    def __init__(self, ofmip: Ofmip, author: Author, now: int) -> None:
        self._ofmip = ofmip
        self._author = author
        self._now = now
        self._header = HeaderReader(HEADER_BYTES, has_mbox_lines=False)
        self.fault: MailError | None = None  # why the message cannot be taken; nothing more is to be written then

    def receive(self, data: bytes) -> bytes:
        """What to store of the next piece."""
        if self.fault is not None:
            return b""
        if self._header.is_complete:
            return data
        return self._read(lambda: self._header.receive(data))

    def end(self) -> bytes:
        """What is still to be stored."""
        return b"" if self._header.is_complete or self.fault is not None else self._read(self._header.eof)

    def _read(self, step: Callable[[], None]) -> bytes:
        try:
            step()
            if not self._header.is_complete:
                return b""
            return self._ofmip.header(self._header, self._author, self._now) + self._header.rest
        except MailError as fault:
            self.fault = fault
            return b""
