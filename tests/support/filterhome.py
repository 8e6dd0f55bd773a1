"""The programs of .qmail files as qmail-local runs them: launchers, and a queue program that keeps letters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from qmtwist.cli.control.launchers import write_launchers

LIMIT_S = 60
ENVIRON = {
    "USER": "joe",
    "LOCAL": "joe",
    "HOST": "host.example",
    "RECIPIENT": "joe@host.example",
    "SENDER": "s@far.example",
    "NEWSENDER": "list-owner@host.example",
    "DTLINE": "Delivered-To: joe@host.example\n",
    "RPLINE": "Return-Path: <s@far.example>\n",
    "UFLINE": "From s@far.example Thu Jan  1 00:00:00 1970\n",
}
MESSAGE = b"Subject: s\n\nbody\n"
# What it is given, one after the other, in files of their own; its exit code is in the file `verdict`, if there is one.
_QUEUE = """#!/bin/sh
cd %s || exit 61
n=$(mktemp XXXXXX) && cat >"$n.message" && cat <&1 >"$n.envelope" || exit 54
if [ -e verdict ]; then rm "$n".*; exit "$(cat verdict)"; fi
"""


class Queued:
    """One letter: its message, and its envelope's addresses."""

    def __init__(self, message: bytes, envelope: bytes) -> None:
        self.message = message
        sender, *recipients = envelope.rstrip(b"\0").split(b"\0")
        self.sender = sender[1:]
        self.recipients = [recipient[1:] for recipient in recipients]

    @property
    def header(self) -> str:
        """All fields, as text."""
        return self.message.partition(b"\n\n")[0].decode("latin-1") + "\n"

    @property
    def body(self) -> bytes:
        """What follows the empty line."""
        return self.message.partition(b"\n\n")[2]


class FilterHome:
    """A directory with `bin`, the letters that were queued, and the user's home."""

    def __init__(self, directory: Path) -> None:
        self.home, self.user, self._spool = directory / "mail", directory / "joe", directory / "spool"
        for path in (self.home, self.user, self._spool):
            path.mkdir()
        write_launchers(str(self.home))
        queue = directory / "queue"
        queue.write_text(_QUEUE % self._spool)
        queue.chmod(0o755)
        self.environ = {
            **ENVIRON,
            "HOME": str(self.user),
            "QMAILQUEUE": str(queue),
            "PATH": f"{self.home}/bin:/usr/bin:/bin",
        }

    def program(self, name: str) -> str:
        """The path of a program."""
        return str(self.home / "bin" / name)

    def run(self, name: str, *words: str, text: bytes = MESSAGE, **changes: str | None) -> tuple[int, bytes, bytes]:
        """Run it with the message in a file on descriptor 0: exit status, output, errors. None unsets a variable."""
        environ = {key: value for key, value in {**self.environ, **changes}.items() if value is not None}
        path = self._spool.parent / "message"
        path.write_bytes(text)
        with open(path, "rb") as message:
            ended = subprocess.run(
                [self.program(name), *words],
                stdin=message, capture_output=True, env=environ, cwd=self.user, timeout=LIMIT_S,
            )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr

    def refuse(self, code: int | None) -> None:
        """Let the queue program end with this code from now on, or accept again."""
        path = self._spool / "verdict"
        if code is None:
            path.unlink()
        else:
            path.write_text(str(code))

    @property
    def queued(self) -> list[Queued]:
        """Every letter so far, in no order."""
        return [
            Queued((self._spool / f"{name}.message").read_bytes(), (self._spool / f"{name}.envelope").read_bytes())
            for name in {entry.split(".")[0] for entry in os.listdir(self._spool) if entry.endswith(".envelope")}
        ]
