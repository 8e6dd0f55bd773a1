"""Delivery into a maildir: written in tmp/, synced, linked into new/, new/ synced. (maildir(5))

States: nothing; M1 a file in tmp/; M2 the same file also in new/, complete; M3 its entry in new/ is on disk. Before M2
a cut leaves a file in tmp/, which readers remove after 36 hours; between M2 and M3 the message may or may not be there,
whole. Only after M3 may a delivery be called done. No locks and no overwriting, so it works over NFS.

`deliver` takes one message all the way. Who has many calls `create_in_tmp` for each, syncs them together, calls
`publish` for each and `sync_new` once for each maildir.
"""

from __future__ import annotations

import os
import time

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import is_lasting
from qmtwist.mail.shapes import Callable, Iterable, NamedTuple

from . import durable
from .content import Unreadable

_ATTEMPTS = 3
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
HOST_BYTES = 63


def no_maildir() -> Temporary:
    """The maildir itself is absent or closed to us."""
    return Temporary("Unable to chdir to maildir. (#4.2.1)", "4.2.1")


def trouble() -> Temporary:
    """Any other refusal of the disk."""
    return Temporary("Temporary error on maildir delivery. (#4.3.0)", "4.3.0")


def host_part(host: bytes | None = None) -> bytes:
    """What stands for this machine in a file name; `host` is asked from the system when None. (maildir(5))"""
    if host is None:
        host = os.fsencode(os.uname().nodename)
    return host[:HOST_BYTES].replace(b"/", b"\\057").replace(b":", b"\\072") or b"localhost"


class Names:
    """File names that no other delivery anywhere has: of time, process, count, chance and host.

    One per process, made after the fork. (maildir(5), unique names)
    """

    def __init__(self, host: bytes | None = None, clock_ns: Callable[[], int] = time.time_ns) -> None:
        """`host` is this machine's name, asked from the system when None; `clock_ns` gives POSIX nanoseconds."""
        self._tail = b"R%s.%s" % (os.urandom(4).hex().encode("ascii"), host_part(host))
        self._pid = os.getpid()
        self._count = 0
        self._clock_ns = clock_ns

    def make(self) -> bytes:
        """The next name, such as `1795238029.M123456P4242Q17R8a6f01c3.mail`."""
        self._count += 1
        seconds, rest = divmod(self._clock_ns(), 1_000_000_000)
        return b"%d.M%dP%dQ%d%s" % (seconds, rest // 1000, self._pid, self._count, self._tail)


class Written(NamedTuple):
    """A message complete in tmp/ but not synced: `descriptor` is open for `os.fsync`, until `publish` or `discard`."""

    maildir: bytes
    name: bytes
    descriptor: int


def create_in_tmp(maildir: bytes, names: Names, pieces: Iterable[bytes]) -> Written:
    """Write a message to tmp/ of this maildir (a path that ends in a slash), without syncing it.

    :raises Temporary: with the report for the sender; nothing is left.
    """
    written = _create(maildir, names)
    try:
        for piece in pieces:
            durable.write_all(written.descriptor, piece)
    except Unreadable:
        discard(written)
        raise Temporary("Unable to read message. (#4.3.0)", "4.3.0")
    except OSError as error:
        discard(written)
        raise trouble() from error
    except BaseException:
        discard(written)
        raise
    return written


def _create(maildir: bytes, names: Names) -> Written:
    for _ in range(_ATTEMPTS):
        name = names.make()
        try:
            return Written(maildir, name, os.open(maildir + b"tmp/" + name, _FLAGS, 0o600))
        except FileExistsError:
            continue
        except OSError as error:
            raise _why_not(maildir) from error
    raise trouble()


def _why_not(maildir: bytes) -> Temporary:
    """Tell a missing maildir from one with trouble inside, by what entering the directory would say."""
    try:
        os.stat(maildir + b".")
    except OSError as entering:
        return no_maildir() if is_lasting(entering) else trouble()
    return trouble()


def publish(written: Written) -> None:
    """M1 to M2, after the file was synced: link it into new/, and close it.

    :raises Temporary: the disk refused; nothing is left, or at worst a file in tmp/.
    """
    source = written.maildir + b"tmp/" + written.name
    try:
        os.link(source, written.maildir + b"new/" + written.name)
    except OSError as error:
        discard(written)
        raise trouble() from error
    with suppress(OSError):  # the file was synced: nothing is left that closing could lose
        os.close(written.descriptor)
    with suppress(OSError):  # the message is in new/; readers clear tmp/ of what is older than 36 hours
        os.unlink(source)


def sync_new(maildir: bytes) -> None:
    """M2 to M3: make the entries of new/ durable.

    :raises Temporary: unknown whether they are; the messages stay, and a retry may make a second copy but none is lost.
    """
    try:
        durable.sync_directory(os.fsdecode(maildir + b"new"))
    except OSError as error:
        raise trouble() from error


def discard(written: Written) -> None:
    """Give up a message that is not to be published; what cannot be removed now, readers remove after 36 hours."""
    with suppress(OSError):
        os.unlink(written.maildir + b"tmp/" + written.name)
    with suppress(OSError):
        os.close(written.descriptor)


def deliver(maildir: bytes, names: Names, pieces: Iterable[bytes]) -> bytes:
    """One message, durably: all steps from nothing to M3. The name it got in new/.

    :raises Temporary: with the report; whatever is then in new/ is whole.
    """
    written = create_in_tmp(maildir, names, pieces)
    try:
        os.fsync(written.descriptor)
    except OSError as error:
        discard(written)
        raise trouble() from error
    publish(written)
    sync_new(maildir)
    return written.name
