"""A client on descriptors 0 and 1, and the queue program: what qmail-smtpd, qmail-qmtpd and qmail-qmqpd share."""

from __future__ import annotations

import os
import select
import time

from qmtwist.mail.shapes import Mapping
from qmtwist.mail.trace import smtp_received

from .submission import Submission

_READ_BYTES = 65536


class Gone(Exception):
    """The connection is lost."""


class Stdio:
    """The descriptors and the message that comes in. Lives as long as the connection, which is the process."""

    def __init__(self, home: str, environ: Mapping[bytes, bytes], timeout_s: int) -> None:
        """`environ` is that of tcp-environ(5); `timeout_s` is how long we wait for one thing of the client."""
        self._home = home
        self._environ = environ
        self._timeout_s = timeout_s
        self._submission: Submission | None = None

    def _wait_s(self) -> float:
        return self._timeout_s

    def _receive(self) -> bytes:
        """What the client says next; empty: it says nothing more.

        :raises TimeoutError: nothing came. :raises Gone: the connection is lost.
        """
        if not select.select([0], [], [], self._wait_s())[0]:
            raise TimeoutError
        try:
            return os.read(0, _READ_BYTES)
        except OSError:
            raise Gone from None

    def _write(self, data: bytes) -> None:
        """:raises TimeoutError: the client does not read. :raises Gone: the connection is lost."""
        while data:
            if not select.select([], [1], [], self._wait_s())[1]:
                raise TimeoutError
            try:
                data = data[os.write(1, data) :]
            except OSError:
                raise Gone from None

    # -- the queue program

    def _submit(self, protocol: bytes, helo: bytes | None, above: bytes = b"") -> None:
        """Start it for a message, which begins with our Received field; `protocol` and `helo` are words of that.

        `above` are fields that stand before it.

        :raises OSError: it cannot be started.
        """
        environ = self._environ
        remote_host = environ.get(b"TCPREMOTEHOST", b"unknown")
        received = smtp_received(
            protocol,
            remote_host,
            environ.get(b"TCPREMOTEIP", b"unknown"),
            environ.get(b"TCPREMOTEINFO"),
            None if helo is None or helo.lower() == remote_host.lower() else helo,
            environ.get(b"TCPLOCALHOST") or environ.get(b"TCPLOCALIP") or b"unknown",
            int(time.time()),
        )
        self._submission = Submission(self._home, environ)
        self._submission.write(above + received)

    def _abandon(self) -> None:
        submission, self._submission = self._submission, None
        if submission is not None:
            submission.abandon()
