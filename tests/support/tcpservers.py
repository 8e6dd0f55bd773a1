"""A real tcpserver for a test, on a free loopback port, with its log."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping

LIMIT_S = 60.0


class TcpServer:
    """Runs from `with` to its end. The command must contain `-1` and port 0: it prints the port."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self._command, self._environment, self._before = command, environment, before
        self.address = address
        self.port = 0
        self._last = ""

    def __enter__(self) -> TcpServer:
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors,
            env=self._environment, cwd="/", preexec_fn=self._before,
        )  # fmt: skip
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            line = stream.readline()
        if not line:
            self.__exit__()
            raise AssertionError(self.log)
        self.port = int(line)
        return self

    def __exit__(self, *trouble: object) -> None:
        self.stop()
        self._last = self.log
        self._errors.close()
        if trouble[0] is not None:
            print(self.log)  # pytest shows it

    @property
    def log(self) -> str:
        """Everything that it and its programs said."""
        if self._errors.closed:
            return self._last
        # not by seeking: the programs share the position in the file
        with open(f"/proc/self/fd/{self._errors.fileno()}", encoding="latin-1", newline="") as stream:
            return stream.read()

    def stop(self) -> int:
        """End it as an administrator does; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(LIMIT_S)

    def connect(self, own: str = "") -> socket.socket:
        """A client."""
        return socket.create_connection((self.address, self.port), LIMIT_S, (own, 0) if own else None)

    def ask(self, sent: bytes = b"") -> bytes:
        """Everything that a client gets who sends this, and then no more."""
        with self.connect() as client:
            received = b""
            try:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                while data := client.recv(65536):
                    received += data
            except OSError as error:  # who is not wanted is hung up on
                if error.errno not in (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE):
                    raise
            return received

    def wait_for(self, pattern: str) -> str:
        """The text in the log that matches; waits until it is there."""
        deadline = time.monotonic() + LIMIT_S
        while not (found := re.search(pattern, self.log, re.M)):
            assert time.monotonic() < deadline, (pattern, self.log)
            time.sleep(0.01)
        return found.group()
