"""A supervised service from outside: ask its supervisor, tell it something. (djb svc, svstat, svok)"""

from __future__ import annotations

import errno
import os
import time

from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.wire import servicestatus

CONTROL, OK, STATUS, STATUS_NEW = "supervise/control", "supervise/ok", "supervise/status", "supervise/status.new"
LOCK, DOWN = "supervise/lock", "down"


class Trouble(Exception):
    """What could not be done with a service: `text` says what, `error` why; None: no supervisor runs."""

    def __init__(self, text: bytes, error: OSError | None) -> None:
        super().__init__(text)
        self.text, self.error = text, error

    @property
    def why(self) -> bytes:
        """The reason in words."""
        return b"supervise not running" if self.error is None else reason(self.error)


class Visitor:
    """Goes into one directory after the other, and comes back: relative names are meant from where it began."""

    def __init__(self) -> None:
        """:raises OSError: the current directory cannot be opened."""
        self._start = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def enter(self, directory: bytes) -> None:
        """:raises Trouble: that is no directory, or not ours to enter."""
        os.fchdir(self._start)
        try:
            os.chdir(directory)
        except OSError as error:
            raise Trouble(b"unable to chdir", error) from None


def command(letters: bytes) -> None:
    """Give orders to the supervisor of the current directory.

    :raises Trouble: there is none, or it does not take them.
    """
    pipe = _open_pipe(CONTROL)
    try:
        while letters:
            letters = letters[os.write(pipe, letters) :]
    except OSError as error:
        raise Trouble(b"error writing commands", error) from None
    finally:
        os.close(pipe)


def is_supervised() -> bool:
    """Whether a supervisor runs in the current directory.

    :raises Trouble: that cannot be told.
    """
    try:
        os.close(_open_pipe(OK))
    except Trouble as trouble:
        if trouble.error is None or trouble.error.errno == errno.ENOENT:
            return False
        raise
    return True


def describe() -> bytes:
    """What svstat says of the service in the current directory."""
    step, text = b"open supervise/ok", b""
    try:
        os.close(_open_pipe(OK))
        step = b"stat down"
        is_normally_up = not _exists(DOWN)
        step = b"open supervise/status"
        with open(STATUS, "rb", buffering=0) as stream:
            step = b"read supervise/status"
            text = stream.read(servicestatus.STATUS_BYTES) or b""
    except Trouble as trouble:
        return trouble.why if trouble.error is None else b"unable to %s: %s" % (step, trouble.why)
    except OSError as error:
        return b"unable to %s: %s" % (step, reason(error))
    status = servicestatus.decode(text)
    if status is None:
        return b"unable to read supervise/status: bad format"
    return servicestatus.describe(status, time.time_ns(), is_normally_up)


def announce(status: servicestatus.ServiceStatus) -> None:
    """Tell the world about the service in the current directory.

    :raises OSError: the status cannot be written; the one before stays.
    """
    descriptor = os.open(STATUS_NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, servicestatus.encode(status))
    finally:
        os.close(descriptor)
    os.rename(STATUS_NEW, STATUS)


def make_pipe(name: str) -> int:
    """A named pipe of a supervisor, open for reading.

    :raises OSError: it cannot be made or opened.
    """
    with suppress(FileExistsError):
        os.mkfifo(name, 0o600)
    return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _open_pipe(name: str) -> int:
    try:
        return os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # ENXIO: nobody reads it
        raise Trouble(b"unable to open " + name.encode(), None if error.errno == errno.ENXIO else error) from None


def _exists(name: str) -> bool:
    try:
        os.stat(name)
    except FileNotFoundError:
        return False
    return True
