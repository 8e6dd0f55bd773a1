"""Messages that wait for a moderator: mod/pending/TIME.PID, executable when complete, and afterwards an empty file of
that name in mod/accepted or mod/rejected. (ezmlm-store)
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple
from qmtwist.store.durable import create, sync_directory, unlink_quietly, write_all

from .files import Lock, give_up

PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"
UNCONFIRMED = "unconfirmed"
"""Messages that wait for their authors, in a directory that need not be there."""
_FIRST_BYTES = 2000  # of a message, which begins with its Return-Path


class Waiting(NamedTuple):
    """A file: `time` is when the message came."""

    state: str
    name: str
    time: int
    is_complete: bool


class Pending:
    """What waits at the list in a directory. Hold `lock()` while something is decided."""

    def __init__(self, directory: str) -> None:
        self._top = f"{directory}/mod"

    def lock(self) -> Lock:
        """The lock for all decisions."""
        return Lock(f"{self._top}/lock")

    def path(self, name: str, state: str = PENDING) -> str:
        """Where a message is."""
        return f"{self._top}/{state}/{name}"

    def keep(self, name: str, pieces: Iterable[bytes], state: str = PENDING) -> None:
        """Keep a message; it counts when this returns.

        :raises Temporary: it is not kept.
        """
        path = self.path(name, state)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            give_up(f"unable to create {path}", error)
        try:
            for piece in pieces:
                write_all(descriptor, piece)
            os.fsync(descriptor)
            os.fchmod(descriptor, 0o700)
            os.fsync(descriptor)
            sync_directory(os.path.dirname(path))
        except BaseException as error:
            self.drop(name, state)
            if isinstance(error, OSError):
                give_up(f"unable to write {path}", error)
            raise
        finally:
            with suppress(OSError):
                os.close(descriptor)

    def drop(self, name: str, state: str = PENDING) -> None:
        """A file goes, if it can; else it is too old some day."""
        with suppress(OSError):
            unlink_quietly(self.path(name, state))

    def state(self, name: str) -> str:
        """What became of a message; empty if nobody knows it.

        :raises Temporary: that cannot be told.
        """
        for state in (PENDING, ACCEPTED, REJECTED, UNCONFIRMED):
            path = self.path(name, state)
            try:
                if os.stat(path).st_mode & 0o100 or state in (ACCEPTED, REJECTED):
                    return state
            except FileNotFoundError:
                continue
            except OSError as error:
                give_up(f"unable to read {path}", error)
        return ""

    def sender(self, name: str, state: str = PENDING) -> bytes:
        """Who sent a message that waits.

        :raises Temporary: it cannot be read.
        """
        try:
            with open(self.path(name, state), "rb", buffering=0) as stream:
                first = stream.read(_FIRST_BYTES).partition(b"\n")[0]
        except OSError as error:
            give_up(f"unable to read {self.path(name, state)}", error)
        return first.partition(b"<")[2].rpartition(b">")[0] if first.lower().startswith(b"return-path:") else b""

    def settle(self, name: str, state: str) -> None:
        """It is decided: the message goes, and what was decided stays.

        :raises Temporary: the message may be there still.
        """
        path = self.path(name, state)
        try:
            with suppress(FileExistsError):
                create(path, b"")
            os.unlink(self.path(name))
            sync_directory(f"{self._top}/{PENDING}")
        except OSError as error:
            give_up(f"unable to write {path}", error)

    def __iter__(self) -> Iterator[Waiting]:
        """Every file, the oldest first.

        :raises Temporary: they cannot be read.
        """
        for state in (PENDING, ACCEPTED, REJECTED, UNCONFIRMED):
            folder = f"{self._top}/{state}"
            try:
                names = os.listdir(folder)
            except OSError as error:
                if isinstance(error, FileNotFoundError) and state == UNCONFIRMED:
                    continue
                give_up(f"unable to read {folder}", error)
            for name in sorted(names):
                time = name.partition(".")[0]
                if time.isascii() and time.isdigit():
                    with suppress(FileNotFoundError):
                        yield Waiting(state, name, int(time), bool(os.stat(f"{folder}/{name}").st_mode & 0o100))
