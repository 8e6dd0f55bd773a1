"""ETRN for mail in the queue: what waits for a domain is due now. (RFC 1985; qmail-send's ALRM, for one domain)"""

from __future__ import annotations

from twisted.python.failure import Failure

from qmtwist.mail.address import split
from qmtwist.mail.errors import Malformed
from qmtwist.rules.autoturn import domain_matches
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import Layout

from .send.mail import JournalMail
from .send.queue import Queue


class QueueRetries:
    """autoturn.Retries. Made by `assemble`; one search at a time."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._is_searching = False

    def try_domain(self, node: bytes) -> bool:
        """autoturn.Retries"""
        if self._is_searching or self._queue.manager.machine.is_stopping:
            return False
        self._is_searching = True
        self._hasten_resting(node)
        numbers = [number for _, number in self._queue.manager.machine.waiting("remote")]
        found = self._queue.spool.run(_matching, self._queue.layout, numbers, node)
        found.addCallbacks(self._found, self._failed)
        return True

    def _hasten_resting(self, node: bytes) -> None:
        """What is just being put to rest is due as soon as it is."""
        manager = self._queue.manager
        for mail in manager.mail.values():
            if isinstance(mail, JournalMail) and "remote" in mail.retry_at:
                recipients = [found.address for found in mail.listed() if found.channel == b"remote"]
                if any(domain_matches(node, split(address)[1] or b"") for address in recipients):
                    mail.retry_at["remote"] = manager.now()

    def _found(self, numbers: list[int]) -> None:
        self._is_searching = False
        manager = self._queue.manager
        manager.machine.remote.agenda.hasten(frozenset(numbers))
        manager.pump_soon()

    def _failed(self, failure: Failure) -> None:
        self._is_searching = False
        self._queue.telemetry.notice("warning", f"unable to search the queue for ETRN: {failure.value}")


def _matching(layout: Layout, numbers: list[int], node: bytes) -> list[int]:
    """In a thread: the messages with a recipient there who has not got it. Those that live in the journal alone are
    being tried already.
    """
    return [number for number in numbers if _has_recipient(layout, number, node)]


def _has_recipient(layout: Layout, number: int, node: bytes) -> bool:
    try:
        recipients = records.read_recipients(layout, "remote", number) or []
    except (OSError, Malformed):  # gone meanwhile, or in the hands of somebody else
        return False
    return any(
        not recipient.is_done and domain_matches(node, split(recipient.address)[1] or b"") for recipient in recipients
    )
