"""Mailboxes for the daemon's POP3 sessions, served inside the worker of the user whom they belong to."""

from __future__ import annotations

import os
import time

from qmtwist.mail.errors import MailError, Malformed, Permanent, Temporary
from qmtwist.mail.shapes import Callable
from qmtwist.store.maildrop import Maildrop, open_maildrop, unique_name
from qmtwist.wire import spawn
from qmtwist.wire.mailbox import (
    HANDLE_BYTES,
    PIECE_BYTES,
    encode_content,
    encode_listing,
    parse_fetch,
    parse_leave,
    parse_open,
)

OPEN_LIMIT = 200  # mailboxes open at once in one worker, each with up to two descriptors
COUNTED_MESSAGES = 256  # as many unknown sizes are found out at one opening
COUNTED_BYTES = 4 * 1024 * 1024
REMEMBERED_SIZES = 20_000


class Mailboxes:
    """The mailboxes that the daemon has open through one worker. Made by the worker, lives as long.

    While `len()` is not 0 a worker is in use, even if no order comes for a while.
    """

    def __init__(self, clock: Callable[[], float] = time.time, limit: int = OPEN_LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._open: dict[bytes, _Mailbox] = {}
        self._sizes = SentSizes()

    def __len__(self) -> int:
        return len(self._open)

    def handle(self, frame: spawn.Frame, home_directory: bytes) -> list[tuple[bytes, int | None]]:
        """Carry out an OPEN, FETCH or LEAVE; the answering frames, none with a descriptor.

        `home_directory` is the home of the account that the frame's local part belongs to; only OPEN needs it.
        """
        try:
            kind, payload = self._answer(frame, home_directory)
        except Temporary as error:
            kind, payload = spawn.REFUSAL, b"Z" + error.text.encode()
        except MailError as error:
            kind, payload = spawn.REFUSAL, b"D" + error.text.encode()
        return [(spawn.frame(kind, frame.number, payload), None)]

    def close(self) -> None:
        """The daemon is gone: every session is cut off."""
        for mailbox in self._open.values():
            mailbox.close()
        self._open.clear()

    def _answer(self, frame: spawn.Frame, home: bytes) -> tuple[bytes, bytes]:
        if frame.kind == spawn.OPEN:
            return spawn.LISTING, self._enter(frame.payload, home)
        if frame.kind == spawn.FETCH:
            fetch = parse_fetch(frame.payload)
            return spawn.CONTENT, self._find(fetch.handle).read(fetch.position, fetch.offset)
        if frame.kind == spawn.LEAVE:
            leave = parse_leave(frame.payload)
            failures = self._find(leave.handle).leave(leave.deletions)
            self._open.pop(leave.handle).close()
            return spawn.LEFT, b"%d" % failures
        raise Malformed("not an order for a mailbox")

    def _enter(self, payload: bytes, home: bytes) -> bytes:
        _, maildir = parse_open(payload)
        if len(self._open) >= self._limit:
            raise Temporary("too many mailboxes are open")
        drop = open_maildrop(os.path.join(home, maildir), int(self._clock()))
        handle = os.urandom(HANDLE_BYTES)
        self._open[handle] = _Mailbox(drop)
        names = [unique_name(message.path) for message in drop.messages]
        return encode_listing(handle, zip(names, self._sizes.of(drop, names), strict=True))

    def _find(self, handle: bytes) -> _Mailbox:
        try:
            return self._open[handle]
        except KeyError:
            raise Temporary("the mailbox is not open any more") from None


class _Mailbox:
    """One open maildir, and the message being read."""

    def __init__(self, drop: Maildrop) -> None:
        self._drop = drop
        self._reading: tuple[int, int] | None = None  # position and descriptor

    def read(self, position: int, offset: int) -> bytes:
        """The CONTENT payload of one piece. A message that is read in pieces stays open in between."""
        if position >= len(self._drop.messages):
            raise Permanent("unable to open that message")
        try:
            descriptor = self._descriptor(position)
            piece = os.pread(descriptor, PIECE_BYTES, offset)
            has_more = len(piece) == PIECE_BYTES and offset + PIECE_BYTES < os.fstat(descriptor).st_size
        except (OSError, OverflowError) as error:
            raise Permanent("unable to open that message") from error
        if not has_more:
            self._finish()
        return encode_content(piece, has_more)

    def leave(self, deletions: tuple[int, ...] | None) -> int:
        """Delete and keep; how many could not be deleted. None: nothing happens."""
        if deletions is None:
            return 0
        count = len(self._drop.messages)
        gone = set(deletions)
        if any(position >= count for position in gone):
            raise Malformed("no such message in this mailbox")
        failures = self._drop.delete(deletions, counts_gone=False)
        self._drop.keep(position for position in range(count) if position not in gone)
        return failures

    def close(self) -> None:
        """Let all descriptors go."""
        self._finish()
        self._drop.close()

    def _descriptor(self, position: int) -> int:
        if self._reading is None or self._reading[0] != position:
            self._finish()
            self._reading = (position, self._drop.open_message(position))
        return self._reading[1]

    def _finish(self) -> None:
        if self._reading is not None:
            os.close(self._reading[1])
            self._reading = None


class SentSizes:
    """How long messages are when they are sent with CR LF, as LIST should say. (RFC 1939 §11)

    A size comes from the name (`,W=`, as Maildir++ writers put it), from memory, or from reading the message: a few
    at each opening, so that a huge mailbox opens at once. Until then the stored size stands for it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], int] = {}

    def of(self, drop: Maildrop, names: list[bytes]) -> list[int]:
        """The size of each message, in bytes."""
        left_messages, left_bytes = COUNTED_MESSAGES, COUNTED_BYTES
        sizes = []
        for position, (message, name) in enumerate(zip(drop.messages, names, strict=True)):
            key = (name, message.size)
            size = _named_size(name) or self._known.get(key)
            if size is None and left_messages and message.size <= left_bytes:
                left_messages -= 1
                left_bytes -= message.size
                size = self._remember(key, _counted_size(drop, position, message.size))
            sizes.append(message.size if size is None else size)
        return sizes

    def _remember(self, key: tuple[bytes, int], size: int) -> int:
        if len(self._known) >= REMEMBERED_SIZES:
            self._known.clear()
        self._known[key] = size
        return size


def _named_size(name: bytes) -> int | None:
    digits = name.partition(b",W=")[2].partition(b",")[0]
    return int(digits) if digits.isdigit() and len(digits) < 16 else None


def _counted_size(drop: Maildrop, position: int, stored: int) -> int:
    try:
        descriptor = drop.open_message(position)
    except OSError:
        return stored
    try:
        data = os.read(descriptor, stored)
    except OSError:
        return stored
    finally:
        os.close(descriptor)
    is_open = bool(data) and data[-1:] != b"\n"
    bare = data.count(b"\n") - data.count(b"\r\n")
    # a CR at the very end is completed by an LF
    return len(data) + bare + (0 if not is_open else 1 if data[-1:] == b"\r" else 2)
