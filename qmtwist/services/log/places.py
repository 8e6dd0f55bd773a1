"""Where log lines go other than to a descriptor: a directory as multilog keeps it, and the journal of systemd.

Both are opened as the account that the server will run as, so that what cannot work then is refused at the start.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator

from twisted.python.util import initgroups

from qmtwist.control.accounts import SystemAccount
from qmtwist.logbook import journal
from qmtwist.logbook.selection import LINE_BYTES, Rotation
from qmtwist.mail.reasons import reason
from qmtwist.store.logdir import PAUSE_S, LogDirectory, Patience

from .writer import to_stderr

JOURNAL_PAUSE_S = 1.0  # journald is being restarted
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


@contextlib.contextmanager
def acting_as(account: SystemAccount | None) -> Iterator[None]:
    """As long as we are root: have the rights of the account only."""
    if account is None or os.geteuid() != 0:
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    initgroups(account.uid, account.gid)  # type: ignore[no-untyped-call]
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


class ServerPatience(Patience):
    """Trouble with the disk is said without waiting for whoever reads standard error, and then waited out."""

    def warn(self, what: bytes, error: OSError | None = None) -> None:
        """Say it, and wait."""
        to_stderr(b"warning: log: %b" % what + (b": " + reason(error) if error is not None else b""))
        self._pause(PAUSE_S)


def _no_processor(directory: int, command: bytes) -> int:
    return 0


class Directory:
    """A directory that multilog, tai64nlocal and matchup know. Lines come with their stamps."""

    def __init__(
        self, path: bytes, rotation: Rotation, account: SystemAccount | None = None, patience: Patience | None = None
    ) -> None:
        """Make it, if need be, and lock it.

        :raises CannotOpen: it cannot be written by the account, or somebody else writes there.
        """
        self._account = account
        if account is not None and os.geteuid() == 0:
            with contextlib.suppress(OSError):  # that it is not there is said in a moment
                os.mkdir(path, 0o700)
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        with acting_as(account):
            self._log = LogDirectory(path, rotation, _no_processor, patience or ServerPatience(b"qmtwist"))

    def put(self, lines: list[bytes]) -> None:
        """Write them; a disk that is full is waited for."""
        with acting_as(self._account):  # still root only if the server could not start
            for line in lines:
                self._log.put(line[:LINE_BYTES])
                if line[LINE_BYTES:]:
                    self._log.fill(line[LINE_BYTES:])
                self._log.put(b"\n")
                self._log.cut()
            self._log.flush()

    def rotate(self) -> None:
        """A new file now, unless this one is empty."""
        self._log.rotate_early()

    def close(self) -> None:
        """Sync it, and mark it as closed in order."""
        with acting_as(self._account):
            self._log.close()


class Journal:
    """The socket of journald: an entry for every line, with its priority."""

    def __init__(self, path: str, account: SystemAccount | None = None, pause_s: float = JOURNAL_PAUSE_S) -> None:
        """:raises OSError: nobody listens there, or not to us."""
        self._path, self._pause_s = path, pause_s
        with acting_as(account), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.connect(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def put(self, lines: list[bytes]) -> None:
        """Send them in order; a journald that is away or behind is waited for."""
        for line in lines:
            entry = journal.entry(line)
            while not self._has_sent(entry):
                time.sleep(self._pause_s)

    def _has_sent(self, entry: bytes) -> bool:
        try:  # by its name each time: a journald that was restarted has another socket there
            self._socket.sendto(entry, self._path)
        except OSError as error:
            return error.errno == errno.EMSGSIZE and self._has_sent_large(entry)
        return True

    def _has_sent_large(self, entry: bytes) -> bool:
        """In a sealed file in memory, as the protocol wants what is too large for a datagram."""
        try:
            memory = os.memfd_create("journal", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
            with open(memory, "wb") as stream:
                stream.write(entry)
                stream.flush()
                fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory]))]
                self._socket.sendmsg([b""], rights, 0, self._path)
        except OSError:
            return False
        return True

    def rotate(self) -> None:
        """journald keeps the files."""

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
