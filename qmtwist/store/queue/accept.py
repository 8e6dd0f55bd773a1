"""S1 to S4: a message becomes ours, by qmail's steps.

`begin` makes pid/STAGING and links it as mess/S/N (S2); `write` fills it; `seal` puts it on disk; `envelope` creates
and fills intd/N (S3); `queue` puts that on disk and links it as todo/N (S4). Cut anywhere before the link is on disk,
the message is not ours, and `clean` removes the remains after 36 hours. Every directory is synced: a link is in memory
only until then.

Nothing here depends on the working directory or the umask, so threads may accept at the same time.
"""

from __future__ import annotations

import itertools
import os
import time

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, Enum
from qmtwist.store import durable, trigger
from qmtwist.wire.text0 import TodoEntry, encode_todo

from . import numbers
from .layout import Layout

MODE = 0o644
_sequence = itertools.count(1)


class Step(Enum):
    """Where accepting failed; the value is qmail-queue's exit code for it."""

    STAGE = 63
    MESS = 64
    INTD = 65
    TODO = 66
    WRITE = 53


class AcceptError(Exception):
    """The disk refused at `step`. Nothing was accepted, or it is unknown whether it was: never say that it was."""

    def __init__(self, step: Step, cause: OSError) -> None:
        super().__init__(f"{step.name.lower()}: {cause}")
        self.step = step
        self.cause = cause


class Acceptance:
    """One message on its way into the queue files. Made by `begin`; ended by `queue`, `commit` or `abandon`."""

    def __init__(self, layout: Layout, number: int, staged: str) -> None:
        """:raises AcceptError: STAGE."""
        self.number = number
        self.bytes_written = 0
        self._layout = layout
        self._intd = -1
        self._mess = _create(staged, Step.STAGE)
        self._names = [staged]  # what we made and must remove if this comes to nothing, in that order

    def name(self) -> None:
        """S1 to S2: the staged file becomes mess/S/N; a name that is taken is never replaced.

        :raises AcceptError: MESS or STAGE; abandon it.
        """
        path, staged = self._layout.mess(self.number), self._names[0]
        try:
            os.link(staged, path)
        except OSError as error:
            raise AcceptError(Step.MESS, error) from error
        self._names = [path, staged]
        try:
            os.unlink(staged)
        except OSError as error:
            raise AcceptError(Step.STAGE, error) from error
        self._names = [path]

    def write(self, data: bytes) -> None:
        """Append to the message.

        :raises AcceptError: WRITE; abandon it.
        """
        self._write(self._mess, data)
        self.bytes_written += len(data)

    def seal(self) -> None:
        """The message is complete: on disk with its name from here on.

        :raises AcceptError: WRITE; abandon it. The sync is not tried again: the kernel may have dropped the pages.
        """
        self._mess = self._finish(self._mess, self._layout.mess(self.number))

    def envelope(self, data: bytes) -> None:
        """Append to the todo entry, which is created by the first call.

        :raises AcceptError: INTD when it cannot be created, else WRITE.
        """
        if self._intd < 0:
            path = self._layout.intd(self.number)
            self._intd = _create(path, Step.INTD)
            self._names.insert(0, path)
        self._write(self._intd, data)

    def queue(self) -> None:
        """S3 to S4: when this returns the message is ours, and the queue manager has been woken.

        :raises AcceptError: TODO or WRITE. When the sync of todo/ failed the entry stays: whether the message is queued
            is unknown then, and a duplicate is allowed where a loss is not.
        """
        layout, number = self._layout, self.number
        self._intd = self._finish(self._intd, layout.intd(number))
        try:
            os.link(layout.intd(number), layout.todo(number))
            self._names.clear()
            durable.sync_directory(os.path.dirname(layout.todo(number)))
        except OSError as error:
            raise AcceptError(Step.TODO, error) from error
        trigger.pull(layout.trigger)

    def commit(self, entry: TodoEntry) -> None:
        """All that is left to do when the message has been written and the envelope is known whole.

        :raises AcceptError: see `seal`, `envelope` and `queue`; abandon it.
        """
        self.seal()
        self.envelope(encode_todo(entry))
        self.queue()

    def abandon(self) -> None:
        """Remove what was made, unless it is queued; trouble in doing so is left to the cleaner."""
        for path in self._names:
            _unlink(path)
        self._names.clear()
        self.leave()

    def leave(self) -> None:
        """Close the files and leave them as they are."""
        for descriptor in (self._mess, self._intd):
            if descriptor >= 0:
                _close(descriptor)
        self._mess = self._intd = -1

    def _write(self, descriptor: int, data: bytes) -> None:
        try:
            durable.write_all(descriptor, data)
        except OSError as error:
            raise AcceptError(Step.WRITE, error) from error

    def _finish(self, descriptor: int, path: str) -> int:
        """Sync a file and the directory that names it, then close it."""
        try:
            os.fsync(descriptor)
            durable.sync_directory(os.path.dirname(path))
        except OSError as error:
            raise AcceptError(Step.WRITE, error) from error
        _close(descriptor)
        return -1


def begin(layout: Layout, received: Callable[[int], bytes], number: int | None = None) -> Acceptance:
    """S1 to S2: an empty message with its number and our Received line, which `received` makes from the number.

    `number` is given by a caller who has reserved a block; without one a number is reserved here.

    :raises AcceptError: STAGE, MESS or WRITE; nothing is left behind.
    """
    try:
        number = number or numbers.reserve(layout, 1).start
    except OSError as error:
        raise AcceptError(Step.STAGE, error) from error
    staged = f"{layout.pid}/{os.getpid()}.{int(time.time())}.{next(_sequence)}"
    acceptance = Acceptance(layout, number, staged)
    try:
        acceptance.name()
        acceptance.write(received(number))
    except BaseException:
        acceptance.abandon()
        raise
    return acceptance


def _create(path: str, step: Step) -> int:
    """A new file of our mode, whatever the umask is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    except OSError as error:
        raise AcceptError(step, error) from error
    try:
        os.fchmod(descriptor, MODE)
    except OSError as error:
        _close(descriptor)
        _unlink(path)
        raise AcceptError(step, error) from error
    return descriptor


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _close(descriptor: int) -> None:
    """Close what has been synced or is given up: an error says nothing new then."""
    with suppress(OSError):
        os.close(descriptor)
