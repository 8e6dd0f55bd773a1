"""S4 to S5: the recipients of a queued message are sorted to channels. (qmail-send TODO)

While todo/N is there, info, local and remote of N are not trusted and are made anew; so a cut anywhere repeats the
step. Many messages share one sync of the file system.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import Callable, NamedTuple, Sequence
from qmtwist.store import durable
from qmtwist.wire.text0 import TodoEntry, glance_todo, parse_todo

from .clean import remove_todo
from .layout import CHANNELS, Layout
from .records import encode_info, encode_recipients
from .rest import sync_filesystem, watch_filesystem

Sorter = Callable[[bytes], tuple[str, bytes]]  # recipient to (channel, rewritten recipient)


class Preprocessed(NamedTuple):
    """What became of one todo entry. `problem` is empty when it is in S5 now; otherwise todo/N is still there."""

    number: int
    uid: int
    pid: int
    sender: bytes | None
    size: int
    birth: int
    channels: tuple[str, ...]
    problem: str


def preprocess(layout: Layout, numbers: Sequence[int], sort: Sorter, now: int) -> list[Preprocessed]:
    """Sort these messages to their channels, durably. What cannot be done is told, and stays as it was."""
    results: list[Preprocessed] = []
    try:
        watch_filesystem(layout.queue)
        results = [_one(layout, number, sort, now) for number in numbers]
        if all(result.problem for result in results):
            return results
        sync_filesystem(layout.queue)
    except OSError as error:
        why = f"trouble fsyncing queue: {error.strerror}"
        results = results or [Preprocessed(number, 0, 0, None, 0, now, (), why) for number in numbers]
        return [result if result.problem else result._replace(problem=why) for result in results]
    results = [result if result.problem else _leave_todo(layout, result) for result in results]
    with suppress(OSError):  # were an entry to come back after a power cut, it would be delivered again
        durable.sync_directory(f"{layout.queue}/todo")
    return results


def _leave_todo(layout: Layout, result: Preprocessed) -> Preprocessed:
    try:
        remove_todo(layout, result.number)
    except OSError as error:
        return result._replace(problem=f"unable to unlink todo/{result.number}: {error.strerror}")
    return result


def _one(layout: Layout, number: int, sort: Sorter, now: int) -> Preprocessed:
    blank = Preprocessed(number, 0, 0, None, 0, now, (), "")
    try:
        size = os.stat(layout.mess(number)).st_size
    except OSError:
        return blank._replace(problem=f"unable to stat mess/{number % 23}/{number}")
    try:
        data = durable.read(layout.todo(number))
    except OSError:
        return blank._replace(problem=f"unable to open todo/{number}")
    uid, pid, sender = glance_todo(data)
    seen = blank._replace(uid=uid, pid=pid, sender=sender, size=size)
    try:
        for name in CHANNELS:
            durable.unlink_quietly(layout.channel(name, number))
        durable.unlink_quietly(layout.info(number))
        if sender is not None:
            _write(layout.info(number), encode_info(sender))
            os.utime(layout.info(number), (now, now))
        return seen._replace(channels=_sort(layout, number, parse_todo(data), sort))
    except Malformed as problem:
        return seen._replace(problem=f"{problem.text} in todo/{number}")
    except OSError as error:
        return seen._replace(problem=f"trouble writing for todo/{number}: {error.strerror}")


def _sort(layout: Layout, number: int, entry: TodoEntry, sort: Sorter) -> tuple[str, ...]:
    sorted_: dict[str, list[tuple[bool, bytes]]] = {}
    for recipient in entry.envelope.recipients:
        channel, address = sort(recipient)
        sorted_.setdefault(channel, []).append((False, address))
    for channel, recipients in sorted_.items():
        _write(layout.channel(channel, number), encode_recipients(recipients))
    return tuple(sorted_)


def _write(path: str, data: bytes) -> None:
    """A new file, not yet synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        durable.write_all(descriptor, data)
    finally:
        os.close(descriptor)
