"""What a list answers only once in a while, since strangers can ask for it in somebody else's name."""

from __future__ import annotations

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import reason
from qmtwist.store.answered import Answered
from qmtwist.store.lists.directory import ListDirectory

from .saying import Desk, Saying

DAY_S, HOUR_S = 86400, 3600
_ANSWERED = "answered"  # who has had an answer, as vacation notes it


def occasion(desk: Desk, saying: Saying) -> tuple[bytes, int]:
    """What is answered once in so many seconds; nothing for what is answered always."""
    command, sender = desk.command, desk.request.sender
    if not command.verb:
        return sender, DAY_S
    recipients = {address.lower() for address in saying.to or (command.target,)}
    if recipients == {sender.lower()} or command.verb not in _ASKING or (command.ticket and not saying.confirms):
        return b"", 0
    about = command.part + b"-" + command.target if command.part else command.target
    return (b"moderate:" if saying.confirms in (b"t", b"v") else b"confirm:") + about, HOUR_S


_ASKING = (b"subscribe", b"unsubscribe", b"query", b"list", b"listn", b"log", b"edit")


class Seldom:
    """Whether an answer goes out now; then it is on disk that it has, until it turns out that it has not."""

    def __init__(self, place: ListDirectory, occasion: tuple[bytes, int], now: int) -> None:
        self._what, self._period_s = occasion
        self._now = now
        self._answered = Answered(f"{place.path}/{_ANSWERED}")

    def __enter__(self) -> bool:
        try:
            return not self._what or self._answered.claim(self._what, self._now, self._period_s, DAY_S)
        except OSError as error:
            raise Temporary(f"unable to use {_ANSWERED}: {reason(error).decode()}") from error

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._what:
            with suppress(OSError):  # then it comes when the time is over
                self._answered.forget(self._what)
