"""qmail-queue's work: a message and its envelope from two descriptors into the queue.

First the running daemon is asked to take it (wire/injection); where none listens, the queue files are written here.
"""

from __future__ import annotations

import os
import time

from qmtwist.mail.shapes import Iterator
from qmtwist.mail.trace import queue_received
from qmtwist.store.queue import accept
from qmtwist.store.queue.invoker import invoker
from qmtwist.store.queue.layout import Layout
from qmtwist.wire import injection
from qmtwist.wire.envelope import EnvelopeError, EnvelopeReader

from .injection import Handover, Lost, Unavailable, connect

_READ_BYTES = 65536


class Exit:
    """Exit codes of qmail-queue. (qmail-queue(8))"""

    QUEUED = 0
    TIMEOUT = 52
    WRITE = 53
    READ = 54
    CONFIGURATION = 55
    HOME = 61
    QUEUE = 62
    COMMUNICATION = 74


class _Failed(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def enqueue(home: str, message: int, envelope: int) -> int:
    """Queue what the two descriptors hold, for the caller's real uid; the exit code.

    0 only when the message is on disk under its final name, or the daemon has said so. The working directory changes.
    """
    home = os.path.abspath(home)
    try:
        _enter(home, Exit.HOME)
        _enter("queue", Exit.QUEUE)
        _become_owner()
        for descriptor in (message, envelope):
            _check_open(descriptor)
        return _hand_over(home, message, envelope)
    except (_Failed, EnvelopeError) as failure:
        return failure.code


def _enter(directory: str, code: int) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise _Failed(code) from error


def _become_owner() -> None:
    """root without the set-uid bit writes as the queue's owner: the spawners want no other owner."""
    owner = os.stat(".").st_uid
    if os.geteuid() == 0 and owner != 0:
        os.seteuid(owner)


def _check_open(descriptor: int) -> None:
    """A closed descriptor's number would be given to one of our own files."""
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise _Failed(Exit.READ) from error


def _hand_over(home: str, message: int, envelope: int) -> int:
    layout = Layout(".")
    try:
        handover = connect(layout.socket, os.getuid(), os.getpid())
    except Unavailable:
        return _write_files(layout, message, envelope, _extra(home))
    if isinstance(handover, injection.Reply):
        return handover.code
    try:
        return _pass_on(handover, message, envelope).code
    except Lost:
        # Until the envelope was sent nothing is queued, but a part of the message has been read and may not be
        # readable again; after that the message may be queued already. In both cases: temporary, and no second way.
        return Exit.COMMUNICATION
    finally:
        handover.close()


def _pass_on(handover: Handover, message: int, envelope: int) -> injection.Reply:
    """The message to the daemon. The envelope's last piece, which completes it, is sent alone and last of all."""
    for data in _read(message):
        if (reply := handover.send(injection.pieces(data))) is not None:
            return reply
    if (reply := handover.send(injection.END_OF_MESSAGE)) is not None:
        return reply
    reader = EnvelopeReader()
    for records in _records(reader, envelope):
        if reader.is_complete:
            return handover.finish(injection.pieces(records + b"\0"))
        if (reply := handover.send(injection.pieces(records))) is not None:
            return reply
    raise _Failed(Exit.READ)


def _extra(home: str) -> bytes:
    """The records of those who get a copy of every message; the daemon adds them to what it takes."""
    from qmtwist.control import grammar  # seldom needed

    try:
        recipients = grammar.read_list(home, "queueextra") or []
    except OSError as error:
        raise _Failed(Exit.CONFIGURATION) from error
    if any(b"\0" in recipient for recipient in recipients):
        raise _Failed(Exit.CONFIGURATION)
    return b"".join([b"T%s\0" % recipient for recipient in recipients])


def _write_files(layout: Layout, message: int, envelope: int, extra: bytes) -> int:
    """Direct mode: qmail's steps, with its leftovers: what was refused for its envelope stays until the cleanup."""
    uid, pid = os.getuid(), os.getpid()
    who, now = invoker(uid), int(time.time())
    try:
        acceptance = accept.begin(layout, lambda number: queue_received(pid, who, now))
    except accept.AcceptError as error:
        return error.step.value
    try:
        for data in _read(message):
            acceptance.write(data)
        acceptance.seal()
        acceptance.envelope(b"u%d\0p%d\0" % (uid, pid))
        _copy_envelope(acceptance, envelope, extra)
        acceptance.queue()
    except accept.AcceptError as error:
        acceptance.abandon()
        return error.step.value
    except EnvelopeError as error:
        acceptance.leave()
        return error.code
    except _Failed:
        acceptance.abandon()
        raise
    return Exit.QUEUED


def _copy_envelope(acceptance: accept.Acceptance, descriptor: int, extra: bytes) -> None:
    """The envelope as it comes, with `extra` after its sender."""
    reader = EnvelopeReader()
    for records in _records(reader, descriptor):
        if extra and records:
            sender, end, recipients = records.partition(b"\0")
            records, extra = sender + end + extra + recipients, b""
        acceptance.envelope(records)
        if reader.is_complete:
            return
    raise _Failed(Exit.READ)


def _records(reader: EnvelopeReader, descriptor: int) -> Iterator[bytes]:
    for data in _read(descriptor):
        yield reader.receive(data)


def _read(descriptor: int) -> Iterator[bytes]:
    """Everything up to the end of a descriptor.

    :raises _Failed: READ.
    """
    while True:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except OSError as error:
            raise _Failed(Exit.READ) from error
        if not data:
            return
        yield data
