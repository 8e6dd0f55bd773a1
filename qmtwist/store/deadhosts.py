"""Hosts that did not answer: queue/lock/tcpto, and tcpto6 beside it for IPv6. (qmail tcpto.c, qmail-remote(8))

A connection attempt to a host that is down costs a minute. An address that timed out twice is therefore left alone for
about an hour. The table is a hint and nothing else: a file that is missing, cut off, full of nonsense or locked by a
program that hangs only costs attempts, never mail.

tcpto is qmail's to the byte, so that its programs and ours share it: 64 records of 16 bytes, the address (4), the count
of timeouts (1), the time of the last (at 8, 4 bytes, little end first), the rest unused. tcpto6 has 64 records of 32
bytes: the address (16), the count (1), the time (at 24, 8 bytes). A file that is missing switches its half off, as in
qmail. Both are read under the lock, so that nobody sees half a record.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager

from qmtwist.mail.shapes import Iterator, NamedTuple

RECORDS = 64
_MOST = 10  # counts stop here
_SKIP_FROM = 2
_RENEWAL_S = 120  # timeouts that come faster are one
_LOCK_TRIES = 20
_LOCK_PAUSE_S = 0.01


class Record(NamedTuple):
    """One address of the table; `timeouts` recent ones (1 to 255), the last at `when` (POSIX seconds)."""

    address: str
    timeouts: int
    when: int


class _Form(NamedTuple):
    """How the records of one file look; sizes and places in bytes."""

    size: int
    address: int
    time_at: int
    time: int

    def timeouts(self, record: bytes) -> int:
        return record[self.address]

    def when(self, record: bytes) -> int:
        return int.from_bytes(record[self.time_at : self.time_at + self.time], "little")

    def renewed(self, record: bytes, packed: bytes, count: int, when: int) -> bytes:
        """The record with other contents; what is unused stays as it is, as in qmail."""
        made = bytearray(record)
        made[: self.address + 1] = packed + bytes((count,))
        when %= 1 << 8 * self.time
        made[self.time_at : self.time_at + self.time] = when.to_bytes(self.time, "little")
        return bytes(made)


IPV4_FORM = _Form(size=16, address=4, time_at=8, time=4)
IPV6_FORM = _Form(size=32, address=16, time_at=24, time=8)


class DeadHosts:
    """The table of one queue. Made by whoever connects to other hosts; keeps no file open.

    Addresses are in their usual form, "192.0.2.1" or "2001:db8::1". `is_dead`, `timed_out` and `answered` never raise
    OSError; the rest is for tools, which say what went wrong.
    """

    def __init__(self, path: str, lock_tries: int = _LOCK_TRIES) -> None:
        """`path` is that of tcpto (store/queue/layout). Who has other things to do tries less often for the lock."""
        self._tries = lock_tries
        self.paths = (path, path + "6")

    def is_dead(self, address: str, now: int, pid: int) -> bool:
        """Whether to leave an address alone for now.

        From the second timeout on it is, for 64 to 97 minutes; `pid`, any number, spreads the attempts of many
        processes. A time in the future is nonsense and keeps nobody away.
        """
        path, form, packed = self._place(address)
        try:
            with _locked(path, os.O_RDONLY, self._tries) as descriptor:
                found = _find(form, _read(form, descriptor), packed)
        except OSError:
            return False
        if found is None or form.timeouts(found[1]) < _SKIP_FROM:
            return False
        return 0 <= now - form.when(found[1]) < (60 + pid % 32) * 64

    def timed_out(self, address: str, now: int) -> None:
        """A connection attempt ran into its timeout. Several within two minutes count once."""
        path, form, packed = self._place(address)
        try:
            with _locked(path, os.O_RDWR, self._tries) as descriptor:
                records = _read(form, descriptor)
                place = _renewed(form, records, packed, now)
                if place is not None:
                    at, count = place
                    record = form.renewed(records[at], packed, count, now)
                    os.pwrite(descriptor, record, at * form.size)
        except OSError:
            pass

    def answered(self, address: str) -> None:
        """An attempt ended in any other way: the count of the address is 0 again."""
        path, form, packed = self._place(address)
        try:
            with _locked(path, os.O_RDONLY, self._tries) as descriptor:
                found = _find(form, _read(form, descriptor), packed)
            if found is None or not form.timeouts(found[1]):
                return  # as nearly always
            with _locked(path, os.O_RDWR, self._tries) as descriptor:
                found = _find(form, _read(form, descriptor), packed)
                if found is not None:
                    os.pwrite(descriptor, b"\0", found[0] * form.size + form.address)
        except OSError:
            pass

    def clear(self) -> None:
        """Forget everything.

        :raises OSError: a file cannot be written, or tcpto is missing; `filename` says which.
        """
        for path, form in self._files():
            with _locked(path, os.O_WRONLY, self._tries) as descriptor:
                os.pwrite(descriptor, bytes(form.size * RECORDS), 0)
                os.ftruncate(descriptor, form.size * RECORDS)

    def records(self) -> list[Record]:
        """Every address with a count of at least 1, in the order of the files, IPv4 first.

        :raises OSError: a file cannot be read, or tcpto is missing; `filename` says which.
        """
        found = []
        for path, form in self._files():
            with _locked(path, os.O_RDONLY, self._tries) as descriptor:
                records = _read(form, descriptor)
            for record in records:
                if form.timeouts(record):
                    address = _unpack(record[: form.address])
                    found.append(Record(address, form.timeouts(record), form.when(record)))
        return found

    def _files(self) -> list[tuple[str, _Form]]:
        """Both halves; a home set up by qmail has no tcpto6."""
        ipv4, ipv6 = self.paths
        return [(ipv4, IPV4_FORM)] + ([(ipv6, IPV6_FORM)] if os.path.lexists(ipv6) else [])

    def _place(self, address: str) -> tuple[str, _Form, bytes]:
        from _socket import AF_INET, AF_INET6, inet_pton  # `socket` itself takes longer to import than all of the rest

        if ":" in address:
            return self.paths[1], IPV6_FORM, inet_pton(AF_INET6, address.partition("%")[0])
        return self.paths[0], IPV4_FORM, inet_pton(AF_INET, address)


@contextmanager
def _locked(path: str, flags: int, tries: int) -> Iterator[int]:
    """An open file that nobody else reads or writes meanwhile.

    Others hold the lock for microseconds. Who holds it longer hangs, and must not hang us too.

    :raises OSError: there is no such file, or no lock to be had.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        for _ in range(tries):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_S)
        else:
            raise BlockingIOError(errno.EWOULDBLOCK, "is locked")
        yield descriptor
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def _read(form: _Form, descriptor: int) -> list[bytes]:
    """The whole records of a file, at most 64."""
    data = os.read(descriptor, form.size * RECORDS)
    return [data[at : at + form.size] for at in range(0, len(data) - form.size + 1, form.size)]


def _find(form: _Form, records: list[bytes], packed: bytes) -> tuple[int, bytes] | None:
    """The first record of an address, with its place."""
    for at, record in enumerate(records):
        if record[: form.address] == packed:
            return at, record
    return None


def _renewed(form: _Form, records: list[bytes], packed: bytes, now: int) -> tuple[int, int] | None:
    """Where to write an address that timed out, and with which count; None: nowhere."""
    found = _find(form, records, packed)
    if found is not None:
        at, record = found
        count, age = form.timeouts(record), now - form.when(record)
        return None if count and 0 <= age < _RENEWAL_S else (at, min(count + 1, _MOST))
    if not records:
        return None
    return min(range(len(records)), key=lambda at: _worth(form, records[at], now)), 1


def _worth(form: _Form, record: bytes, now: int) -> tuple[int, int]:
    """What is lost with a record: nothing with a free one, little with one from the future, else more the later and the
    more often it timed out."""
    count, when = form.timeouts(record), form.when(record)
    if not count:
        return 0, 0
    return (1, 0) if when > now else (2, when + count * 1024)


def _unpack(packed: bytes) -> str:
    from _socket import AF_INET, AF_INET6, inet_ntop

    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)
