"""Whether a recipient that would be delivered here has a mailbox, asked while the client still waits.

So no bounce goes to a forged sender. Undecidable is taken as yes: the bounce then is the lesser evil.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from qmtwist.mail.address import split


class Asks(Protocol):
    """The local agent, as far as this needs it."""

    def check(self, local: bytes, host: bytes) -> bytes | Deferred[bytes]:
        """b"y", b"n" or b"?"."""


_MEANING = {b"y": True, b"n": False}


class LocalRecipients:
    """seams.RecipientCheck by the rules of routing and the local agent. Made by `assemble`."""

    def __init__(self, sort: Callable[[bytes], tuple[str, bytes]], agent: Asks) -> None:
        self._sort = sort
        self._agent = agent

    def check(self, address: bytes) -> bool | Deferred[bool | None] | None:
        """True: yes, or not ours to say. False: no such mailbox. None: undecidable."""
        channel, recipient = self._sort(address)
        local, host = split(recipient)
        if channel != "local" or not local:
            return True
        answer = self._agent.check(local, host or b"")
        if isinstance(answer, Deferred):
            return answer.addCallback(_MEANING.get)
        return _MEANING.get(answer)
