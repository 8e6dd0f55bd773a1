"""A home for programs that hand messages to the queue, with a stand-in for it that takes notes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, {home!r})"
RECORDER = "#!/bin/sh\ncat >{home}/message\ncat <&1 >{home}/envelope\nexit {status}\n"


class Home:
    """A directory with control/me, `me.example`; the queue is a program that keeps what it got."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "control").mkdir()
        (path / "control/me").write_text("me.example\n")
        self.queue(0)

    def queue(self, status: int) -> None:
        """From now on the queue program ends so."""
        recorder = self.path / "recorder"
        recorder.write_text(RECORDER.format(home=self.path, status=status))
        recorder.chmod(0o755)

    def run(self, name: str, *words: str, message: bytes = b"", **environ: str) -> tuple[int, bytes, bytes]:
        """Run one of our programs to its end: exit status, output, complaints."""
        return self._end(name, words, environ, input=message)

    def start(self, name: str, *words: str, stdin: int, **environ: str) -> tuple[int, bytes, bytes]:
        """The same, with an open file as standard input."""
        return self._end(name, words, environ, stdin=stdin)

    def _end(
        self, name: str, words: tuple[str, ...], environ: dict[str, str], **given: Any
    ) -> tuple[int, bytes, bytes]:
        command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name, home=str(self.path)), *words]
        environ = {"PATH": "/usr/bin:/bin", "USER": "joe", "QMAILQUEUE": str(self.path / "recorder"), **environ}
        ended = subprocess.run(command, capture_output=True, env=environ, timeout=30, **given)
        return ended.returncode, ended.stdout, ended.stderr

    def queued(self) -> tuple[bytes, bytes] | None:
        """Envelope and message that reached the queue."""
        envelope = self.path / "envelope"
        return (envelope.read_bytes(), (self.path / "message").read_bytes()) if envelope.exists() else None

    def program(self, name: str, text: str) -> Path:
        """Put a shell script into bin."""
        (self.path / "bin").mkdir(exist_ok=True)
        path = self.path / "bin" / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path
