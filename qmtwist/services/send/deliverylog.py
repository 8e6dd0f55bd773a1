"""Delivery numbers, and what the log says of deliveries. (qmail-log(5))"""

from __future__ import annotations

from qmtwist.logbook.facts import DeliveryEnded, DeliveryStarted, Status
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.bounce import GIVING_UP
from qmtwist.scheduler.machine import Machine
from qmtwist.services.log.telemetry import Telemetry

_KIND = {Verdict.SUCCESS: "success", Verdict.FAILURE: "failure", Verdict.DEFERRAL: "deferral"}


class DeliveryLog:
    """Made by the queue manager; both channels count on."""

    def __init__(self, machine: Machine, telemetry: Telemetry) -> None:
        self._machine = machine
        self._telemetry = telemetry
        self._last = 0

    def begun(self, number: int, channel: str, recipient: bytes) -> int:
        """A delivery begins: its number."""
        self._last += 1
        self._telemetry.fact(DeliveryStarted(self._last, number, channel, recipient))
        return self._last

    def ended(self, delivery: int, outcome: Outcome) -> None:
        """A delivery has ended."""
        self._telemetry.fact(DeliveryEnded(delivery, _KIND[outcome.verdict], outcome.text))

    def status(self, more_local: int = 0) -> None:
        """The deliveries in progress; `more_local` of them need no slot."""
        machine = self._machine
        local, remote = machine.local.slots, machine.remote.slots
        self._telemetry.fact(
            Status(
                min(local.running + more_local, local.limit),
                local.limit,
                min(remote.running, remote.limit),
                remote.limit,
                machine.is_stopping,
            )
        )


def last_word(outcome: Outcome, is_last_try: bool) -> Outcome:
    """What a report means: the deferral of a message that is too old is a failure."""
    if is_last_try and outcome.verdict is Verdict.DEFERRAL:
        return Outcome(Verdict.FAILURE, outcome.text + GIVING_UP)
    return outcome
