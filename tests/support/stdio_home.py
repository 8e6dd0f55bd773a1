"""A home with a stand-in for qmail-queue, and the stdio servers run in it on a socket pair."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

QUEUE = """#!/bin/sh
cat >"$0.message.$$"
cat <&1 >"$0.envelope.$$"
printf '%s' "$SAY" >&6
exit ${EXIT:-0}
"""
CLIENT = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEHOST": "client.example.com", "TCPLOCALHOST": "mail.example.org"}


class StdioHome:
    """One home, and the sessions of one program that are held in it."""

    def __init__(self, path: Path, module: str) -> None:
        """`module` is the program's; its `main` is called."""
        self.path = path
        self.module = module
        (path / "control").mkdir()
        (path / "bin").mkdir()
        self.program = path / "bin/qmail-queue"
        self.install(QUEUE)
        self.before = ""  # statements for the program's process, before it begins
        self.status: int | None = None
        self.errors = b""
        self.peak_kb = 0

    def install(self, script: str) -> None:
        """Another queue program."""
        self.program.write_text(script)
        self.program.chmod(0o755)

    def control(self, **files: bytes) -> None:
        """Write control files."""
        for name, text in files.items():
            (self.path / "control" / name).write_bytes(text)

    def start(self, descriptor: int, **environment: str) -> subprocess.Popen[bytes]:
        """The program on this descriptor."""
        script = f"import sys; {self.before or 'pass'}; from {self.module} import main; sys.exit(main([], sys.argv[1]))"
        return subprocess.Popen(
            [sys.executable, "-c", script, str(self.path)],
            stdin=descriptor, stdout=descriptor, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), **CLIENT, **environment},
        )  # fmt: skip

    def talk(self, *sent: bytes, **environment: str) -> bytes:
        """All it says to a client that sends this and then nothing more; with WAIT set the client's side stays open."""
        return self.talk_on(sent, **environment)

    def talk_on(self, sent: Iterable[bytes], **environment: str) -> bytes:
        """The same, with pieces made as they are sent."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = self.start(theirs.fileno(), **environment)
            ours.settimeout(20)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has hung up
                for piece in sent:
                    ours.sendall(piece)
                self.peak_kb = peak_kb(process.pid)
                if "WAIT" not in environment:
                    ours.shutdown(socket.SHUT_WR)
            said = b""
            with contextlib.suppress(ConnectionResetError):  # it has not read everything
                while data := ours.recv(65536):
                    said += data
        self.errors = process.communicate(timeout=20)[1]
        self.status = process.returncode
        return said

    def queued(self) -> list[tuple[bytes, bytes]]:
        """Envelope and message of each run of the queue program that got a whole envelope."""
        envelopes = sorted((self.path / "bin").glob("qmail-queue.envelope.*"), key=lambda file: file.stat().st_mtime_ns)
        pairs = [(file.read_bytes(), Path(str(file).replace("envelope", "message")).read_bytes()) for file in envelopes]
        return [(envelope, message) for envelope, message in pairs if envelope.endswith(b"\0\0")]


def peak_kb(pid: int) -> int:
    """The most memory that a process has had so far; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
