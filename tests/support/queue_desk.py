"""What tests of the queue manager share: people, a way to queue, and whether anything is left."""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.mail.outcome import Outcome
from qmtwist.services.seams import Receipt
from tests.support.couriers import SENT, Attempt, Desk

ANN, JOE, NOBODY = b"ann@mail.example.org", b"joe@mail.example.org", b"nobody@mail.example.org"
BODY = b"Subject: test\n\nbody\n"
Maker = Callable[..., Desk]


async def queued(desk: Desk, sender: bytes, *recipients: bytes, message: bytes = BODY) -> int:
    """Queue a message; its number."""
    receipt = await desk.submit(sender, list(recipients), message)
    assert isinstance(receipt, Receipt), receipt
    return receipt.number


def name(kind: str, number: int) -> str:
    return f"{kind}/{number % 23}/{number}"


def is_clean(desk: Desk) -> bool:
    """Whether nothing is left: no file, no message in memory, no step under way, no journal segment held."""
    manager = desk.running.manager
    held = sum(segment.holds for segment in desk.running.journal.held_segments())
    active = desk.running.journal._active
    return (
        desk.files() == {}
        and not manager.mail
        and not manager.busy
        and manager._kept_bytes == 0
        and held + (active.holds if active else 0) == 0
    )


def at(host: bytes, *names: bytes) -> list[bytes]:
    return [name + b"@" + host for name in names]


def hold(attempt: Attempt, before: int) -> Outcome | None:
    return None


def answer_all(desk: Desk, outcome: Outcome = SENT) -> None:
    held, desk.held = desk.held, []
    for _, report in held:
        report(outcome)
