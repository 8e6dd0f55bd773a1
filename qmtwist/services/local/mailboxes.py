"""A mailbox in a user's worker, as the daemon's sessions see it."""

from __future__ import annotations

import os
from typing import Protocol

from twisted.internet.defer import Deferred

from qmtwist.mail.errors import Malformed, Permanent, Temporary
from qmtwist.wire import spawn
from qmtwist.wire.mailbox import (
    Fetch,
    Leave,
    Listing,
    encode_fetch,
    encode_leave,
    encode_open,
    parse_content,
    parse_listing,
)

Answer = tuple[spawn.Frame, int | None]


class MailboxAgent(Protocol):
    """The local agent: brings an order to the worker of whoever owns the local part."""

    def channel_request(self, local: bytes, kind: bytes, payload: bytes) -> Deferred[Answer]:
        """The worker's answer, of the kind that belongs to the order or REFUSAL. Fails with a MailError."""


class MailboxWorker(Protocol):
    """Whoever can open the mailbox of somebody who has logged in."""

    local: bytes  # the local part to name in an order

    def request(self, kind: bytes, payload: bytes) -> Deferred[Answer]:
        """The answer, of the kind that belongs to the order or REFUSAL. Fails with a MailError."""

    def release(self) -> None:
        """The session is over."""


class UserWorker:
    """The worker of the account that serves a local part: it stays, deliveries need it too."""

    def __init__(self, agent: MailboxAgent, local: bytes) -> None:
        self._agent = agent
        self.local = local

    def request(self, kind: bytes, payload: bytes) -> Deferred[Answer]:
        """MailboxWorker"""
        return self._agent.channel_request(self.local, kind, payload)

    def release(self) -> None:
        """MailboxWorker"""


async def open_mailbox(worker: MailboxWorker, maildir: bytes) -> RemoteMailbox:
    """Open a maildir below the home of whoever has logged in; a worker that cannot is released.

    :raises Permanent: there is no such maildir. :raises Temporary: it cannot be opened now.
    """
    try:
        payload = await _ask(worker, spawn.OPEN, encode_open(worker.local, maildir), spawn.LISTING)
        return RemoteMailbox(worker, parse_listing(payload))
    except BaseException:
        worker.release()
        raise


class RemoteMailbox:
    """An open mailbox. Made by `open_mailbox`; `leave` or `abandon` ends it."""

    def __init__(self, worker: MailboxWorker, listing: Listing) -> None:
        self._worker = worker
        self._is_open = True
        self.listing = listing

    async def fetch(self, position: int, offset: int) -> tuple[bytes, bool]:
        """A piece of a stored message from `offset` on, and whether more follows.

        :raises Permanent: the message is gone. :raises Temporary: the worker cannot be reached.
        """
        order = encode_fetch(Fetch(self.listing.handle, position, offset))
        return parse_content(await _ask(self._worker, spawn.FETCH, order, spawn.CONTENT))

    async def leave(self, deletions: tuple[int, ...]) -> int:
        """Delete these positions and keep the others; how many could not be deleted.

        :raises Temporary: the worker cannot be reached; perhaps nothing was deleted.
        """
        self._is_open = False
        order = encode_leave(Leave(self.listing.handle, deletions))
        try:
            answer = await _ask(self._worker, spawn.LEAVE, order, spawn.LEFT)
        finally:
            self._worker.release()
        if not answer.isdigit():
            raise Temporary("the mailbox gave a mangled answer")
        return int(answer)

    def abandon(self) -> None:
        """The session was cut off: nothing is deleted, nothing is moved."""
        if self._is_open:
            self._is_open = False
            order = encode_leave(Leave(self.listing.handle, None))
            # If the worker is gone, so is what it had open.
            self._worker.request(spawn.LEAVE, order).addErrback(lambda _: None).addBoth(
                lambda _: self._worker.release()
            )


async def _ask(worker: MailboxWorker, kind: bytes, payload: bytes, wanted: bytes) -> bytes:
    """The payload of an answer of the wanted kind; everything else is an exception."""
    answer, descriptor = await worker.request(kind, payload)
    if descriptor is not None:
        os.close(descriptor)
    if answer.kind == wanted:
        return answer.payload
    if answer.kind == spawn.REFUSAL:
        text = answer.payload[1:].decode("ascii", "replace").strip()
        raise Permanent(text) if answer.payload[:1] == b"D" else Temporary(text)
    raise Malformed("the mailbox gave a mangled answer")
