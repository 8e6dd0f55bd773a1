"""Messages that arrive together go into their maildirs together: all written, one sync for all, all published, one sync
of each new/. (store.maildir has the steps and what a cut between them leaves.)
"""

from __future__ import annotations

import ctypes
import os

from qmtwist.mail.errors import Temporary
from qmtwist.mail.shapes import Iterable
from qmtwist.rules import localreport
from qmtwist.store import maildir

from .deliver import DID_ONE_FILE

SYNCFS_FROM = 8  # files on one file system; fewer are cheaper synced one by one
_DONE = b"K" + DID_ONE_FILE

Report = tuple[int, bytes]


class Batch:
    """The maildir deliveries of one turn of a worker: a report for each number added, from `add` or from `finish`."""

    def __init__(self, names: maildir.Names) -> None:
        self._names = names
        self._written: list[tuple[int, maildir.Written]] = []

    def add(self, number: int, path: bytes, pieces: Iterable[bytes]) -> Report | None:
        """Write one message to tmp/; a report if that failed. The others are not touched by it."""
        try:
            self._written.append((number, maildir.create_in_tmp(path, self._names, pieces)))
        except Temporary as trouble:
            return number, complaint(trouble)
        return None

    def __len__(self) -> int:
        return len(self._written)

    def finish(self) -> list[Report]:
        """Make all of them durable; the batch is empty afterwards."""
        written, self._written = self._written, []
        reports: list[Report] = []
        synced = _sync(written, reports)
        published: dict[bytes, list[int]] = {}
        for number, item in synced:
            try:
                maildir.publish(item)
            except Temporary as trouble:
                reports.append((number, complaint(trouble)))
            else:
                published.setdefault(item.maildir, []).append(number)
        for path, numbers in published.items():
            try:
                maildir.sync_new(path)
                verdict = _DONE
            except Temporary as trouble:
                verdict = complaint(trouble)
            reports += [(number, verdict) for number in numbers]
        return reports


def complaint(trouble: Temporary) -> bytes:
    """The report of a delivery that did not come about."""
    return localreport.report(111, trouble.text.encode("utf-8", "surrogateescape") + b"\n")


def _sync(written: list[tuple[int, maildir.Written]], reports: list[Report]) -> list[tuple[int, maildir.Written]]:
    """Those whose content is on disk now; the others are discarded and reported."""
    if len(written) < SYNCFS_FROM or not _HAS_SYNCFS:
        return _sync_each(written, reports)
    devices: dict[int, list[tuple[int, maildir.Written]]] = {}
    for entry in written:
        devices.setdefault(os.fstat(entry[1].descriptor).st_dev, []).append(entry)
    synced: list[tuple[int, maildir.Written]] = []
    for together in devices.values():
        if len(together) < SYNCFS_FROM:
            synced += _sync_each(together, reports)
        # The first descriptor was open before anything else was written, so it learns of every write that failed since.
        elif _libc.syncfs(together[0][1].descriptor) == 0:
            synced += together
        else:
            _give_up(together, reports)
    return synced


def _sync_each(written: list[tuple[int, maildir.Written]], reports: list[Report]) -> list[tuple[int, maildir.Written]]:
    synced = []
    for entry in written:
        try:
            os.fsync(entry[1].descriptor)
        except OSError:
            _give_up([entry], reports)
        else:
            synced.append(entry)
    return synced


def _give_up(written: list[tuple[int, maildir.Written]], reports: list[Report]) -> None:
    """A sync that failed is not tried again: the next delivery writes the message anew."""
    for number, item in written:
        maildir.discard(item)
        reports.append((number, complaint(maildir.trouble())))


def _reports_errors(release: str) -> bool:
    """Whether this Linux tells syncfs callers of failed writes: from 5.8 on.

    >>> _reports_errors("6.1.0-13-amd64"), _reports_errors("5.4.0")
    (True, False)
    """
    parts = release.split(".", 2)
    numbers = [int("".join(c for c in part.partition("-")[0] if c.isdigit()) or 0) for part in parts[:2]]
    return numbers >= [5, 8]


_libc = ctypes.CDLL(None, use_errno=True)
_HAS_SYNCFS = hasattr(_libc, "syncfs") and os.uname().sysname == "Linux" and _reports_errors(os.uname().release)
