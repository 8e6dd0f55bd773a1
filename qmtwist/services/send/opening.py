"""Starting with what the disk holds: the journal's debts become queue files, and what files hold is scheduled."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from qmtwist.mail.errors import Temporary
from qmtwist.store.durable import sync_directory, unlink_quietly
from qmtwist.store.journal.recover import Owed, recover
from qmtwist.store.queue.layout import CHANNELS, Layout
from qmtwist.store.queue.rest import Resting, put_to_rest
from qmtwist.store.queue.scan import scan_channel, scan_info, scan_todo

Sorter = Callable[[bytes], tuple[str, bytes]]
Notice = Callable[[str, str], None]
BATCH = 512


class Waiting(NamedTuple):
    """What the queue files hold: due times per channel, and messages without any recipient left."""

    due: dict[str, list[tuple[int, int]]]  # channel: (number, due)
    finished: list[int]


def settle_journal(layout: Layout, sort: Sorter, notice: Notice) -> int:
    """Put everything that a crashed journal owes into queue files, then remove it; how many messages that were.

    A cut in here repeats it at the next start: a message whose info file exists has been moved already.

    :raises Temporary: the journal or the disk cannot be used; nothing was removed.
    """
    try:
        os.makedirs(layout.journal, mode=0o700, exist_ok=True)
        sync_directory(layout.queue)  # what the journal promises is worth no more than its own name
        recovery = recover(layout.journal)
        for complaint in recovery.complaints:
            notice("alert", complaint)
        for start in range(0, len(recovery.owed), BATCH):
            put_to_rest(layout, [_resting(owed, sort) for owed in recovery.owed[start : start + BATCH]])
        for path in recovery.segments:
            if path in recovery.damaged:
                os.rename(path, f"{layout.journal}/damaged.{os.path.basename(path)}")
            else:
                unlink_quietly(path)
            sync_directory(layout.journal)  # one by one: an old segment must not outlive a younger one
    except OSError as error:
        raise Temporary(f"unable to settle the journal: {error}") from error
    return len(recovery.owed)


def _resting(owed: Owed, sort: Sorter) -> Resting:
    message = owed.message
    channels: dict[str, list[tuple[bool, bytes]]] = {"local": [], "remote": []}
    for at, recipient in enumerate(message.envelope.recipients):
        channel, address = sort(recipient)
        channels[channel].append((at in owed.served, address))
    return Resting(
        message.number,
        message.birth,
        message.envelope.sender,
        message.content,
        channels["local"],
        channels["remote"],
        message.birth,
        message.birth,
        owed.paragraphs,
    )


def scan(layout: Layout) -> Waiting:
    """Directory entries and times only: no message is read.

    :raises OSError: a directory cannot be read.
    """
    unsorted = set(scan_todo(layout))
    births = {number for number, _ in scan_info(layout) if number not in unsorted}
    due = {
        channel: [(number, when) for number, when in scan_channel(layout, channel) if number in births]
        for channel in CHANNELS
    }
    waiting = {number for entries in due.values() for number, _ in entries}
    return Waiting(due, sorted(births - waiting))
