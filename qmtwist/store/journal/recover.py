"""What a journal still owes after a crash: read all segments in order, and add up. Nothing is deleted here."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.store import durable

from . import records
from .segment import FIRST, Head, parse_head


class Owed(NamedTuple):
    """A message that was accepted and has neither ended nor moved."""

    message: records.JournalMessage
    served: frozenset[int]  # indexes of recipients that need no further delivery
    paragraphs: bytes  # for the bounce, in order


class Recovery(NamedTuple):
    """All messages owed, in the order of their acceptance; complaints for the log; the segments read, oldest first."""

    owed: list[Owed]
    complaints: list[str]
    segments: list[str]  # to be removed in this order: the end marks of an old one's messages lie in younger ones
    damaged: list[str]  # segments with unreadable parts in the middle: kept aside for a person to look at


class _Account:
    __slots__ = ("message", "paragraphs", "served")

    def __init__(self, message: records.JournalMessage) -> None:
        self.message = message
        self.served: set[int] = set()
        self.paragraphs: dict[int, bytes] = {}


def recover(directory: str) -> Recovery:
    """Read the journal in a directory.

    :raises OSError: the directory or a segment cannot be read at all.
    """
    complaints: list[str] = []
    damaged: list[str] = []
    found: list[tuple[Head, str, bytes]] = []
    paths = [f"{directory}/{name}" for name in sorted(os.listdir(directory)) if not name.startswith("damaged.")]
    for path in paths:
        data = durable.read(path)
        try:
            found.append((parse_head(data), path, data))
        except Malformed as problem:
            if data[:FIRST].strip(b"\0"):  # else its life was ended: nothing in it counts
                complaints.append(f"{path}: {problem.text}")
                damaged.append(path)
    found.sort(key=lambda entry: entry[0].sequence)
    in_order = [path for _, path, _ in found]
    accounts: dict[int, _Account] = {}
    early: list[records.Record] = []
    for head, path, data in found:
        for entry in records.scan(data, FIRST, head.key):
            if isinstance(entry, int):
                complaints.append(f"{path}: {entry} unreadable bytes; the records after them are used")
                damaged.append(path)
            else:
                _apply(entry, accounts, early, complaints)
    for record in early:  # a mark may lie in a segment that was synced although an earlier one was lost
        _apply(record, accounts, None, complaints)
    others = [path for path in paths if path not in in_order]
    return Recovery(list(_owed(accounts)), complaints, others + in_order, damaged)


def _apply(
    record: records.Record,
    accounts: dict[int, _Account],
    early: list[records.Record] | None,
    complaints: list[str],
) -> None:
    try:
        if record.kind == records.MESSAGE:
            accounts.setdefault(record.number, _Account(records.parse_message(record)))
            return
        account = accounts.get(record.number)
        if account is None:
            if early is not None:
                early.append(record)
        elif record.kind in (records.END, records.MOVED):
            del accounts[record.number]
        elif record.kind in (records.DONE, records.FAILED):
            index = records.parse_index(record)
            account.served.add(index)
            if record.kind == records.FAILED:
                account.paragraphs[index] = records.parse_paragraph(record)
        else:
            complaints.append(f"record of unknown kind {record.kind} for message {record.number}")
    except Malformed as problem:
        complaints.append(f"message {record.number}: {problem.text}")


def _owed(accounts: dict[int, _Account]) -> Iterator[Owed]:
    for account in accounts.values():
        yield Owed(account.message, frozenset(account.served), b"".join(account.paragraphs.values()))
