"""A user's home and a mail home around one courier, in the test's own process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from qmtwist.agents.local.deliver import Courier, Delivery, Ended

MESSAGE = b"From: a@example.com\nSubject: test\n\nHello.\n"
TOP = b"Return-Path: <s@x>\nDelivered-To: joe@host\n"
NOW = 1795238029


class Place(NamedTuple):
    """A user's home with a maildir, a mail home whose qmail-queue writes down what it gets, and a report file."""

    home: Path
    mail_home: Path
    report: int

    def delivery(self, **changes: bytes) -> Delivery:
        plain = Delivery(b"joe", os.fsencode(self.home), b"joe", b"", b"", b"host", b"s@x", b"./Maildir/")
        return plain._replace(**changes)

    def courier(self, **environ: bytes) -> Courier:
        inherited = {name.encode(): value for name, value in environ.items()}
        return Courier(os.fsencode(self.mail_home), inherited, clock=lambda: float(NOW))

    def deliver(self, message: bytes | int = MESSAGE, **changes: bytes) -> Ended:
        return self.courier().deliver(self.delivery(**changes), message, self.report, self.report)

    def write(self, text: str, name: str = ".qmail", mode: int = 0o644) -> None:
        (self.home / name).write_text(text)
        (self.home / name).chmod(mode)

    def said(self) -> bytes:
        return (self.home.parent / "report").read_bytes()

    def new(self) -> list[bytes]:
        return [entry.read_bytes() for entry in (self.home / "Maildir" / "new").iterdir()]

    def queued(self) -> tuple[bytes, bytes] | None:
        if not (self.mail_home / "envelope").exists():
            return None
        return (self.mail_home / "envelope").read_bytes(), (self.mail_home / "message").read_bytes()
