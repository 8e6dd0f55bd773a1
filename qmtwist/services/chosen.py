"""Which way in a message takes: a program of its own, one in place of ours, or the journal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

from .intake.program import ProgramIntake
from .seams import Draft, Intake, Origin
from .send.queue import Queue


class Mail(Protocol):
    """The server, as far as this goes."""

    reactor: Any
    home: str
    queue: Queue


class Chosen:
    """The intake of a message: a program named by its origin, one that stands in for our own, or the journal."""

    def __init__(self, mail: Mail, program: bytes | None) -> None:
        self._mail = mail
        self._program = program

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> Draft:
        """seams.Intake"""
        mail = self._mail
        program = origin.program or self._program
        intake: Intake = mail.queue.intake
        if program is not None:
            environment = {
                b"PATH": os.environb.get(b"PATH", b"/usr/bin:/bin"),
                **{name: value for name, value in origin.environment.items() if name},
                b"QMTWIST_HOME": os.fsencode(mail.home),
            }
            intake = ProgramIntake(mail.reactor, mail.home, program, environment)
        return intake.open(origin, on_drain)
