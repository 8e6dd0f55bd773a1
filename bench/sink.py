"""Where relayed mail goes: Postfix's smtp-sink, or our own slow one, with its counters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import IO, NamedTuple

from bench.peers import wait_for_port
from tests.support.daemon import free_port

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOOK_S = 0.005
STILL_S = 60.0  # nothing more comes: something is lost
COUNTER = re.compile(rb"(\w+)=(\d+)")


class Counters(NamedTuple):
    """Messages so far, and what only the slow sink knows: their recipients, and the different ones among these."""

    messages: int
    recipients: int
    different: int


class Sink:
    """A destination in a process of its own.

    `delay_ms` not None means our own sink (bench.slow_sink), which can listen on many loopback addresses.
    """

    def __init__(self, delay_ms: float | None = None, addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self.port = free_port()
        self.pid = 0
        self._delay_ms, self._addresses = delay_ms, addresses
        self._output: IO[bytes] = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        if self._delay_ms is None:
            # It prints its counters after every message; -u is required of root.
            user = ["-u", "nobody"] if os.geteuid() == 0 else []
            return [smtp_sink(), "-c", "-m", "1000", *user, f"127.0.0.1:{self.port}", "1000"]
        words = [sys.executable, "-m", "bench.slow_sink", "--delay-ms", str(self._delay_ms)]
        return [*words, str(self.port), *self._addresses]

    def start(self) -> Sink:
        """Start it; returns when it greets."""
        self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=self._output, cwd=TOP)
        self.pid = self._process.pid
        try:
            wait_for_port(self.port)
        except BaseException:
            self.stop()
            raise
        return self

    def counters(self) -> Counters:
        """As last printed."""
        size = os.fstat(self._output.fileno()).st_size
        last = os.pread(self._output.fileno(), 200, max(0, size - 200)).rpartition(b"\r")[0].rpartition(b"\r")[2]
        found = {name: int(value) for name, value in COUNTER.findall(last)}
        return Counters(found.get(b"mesg", 0), found.get(b"rcpt", 0), found.get(b"rcptonce", 0))

    def wait_for(self, messages: int) -> float:
        """Wait until so many messages have come in all; the POSIX time when the last one had.

        :raises TimeoutError: nothing came for a minute.
        """
        seen, since = -1, time.monotonic()
        while (now := self.counters().messages) < messages:
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > STILL_S:
                raise TimeoutError(f"{now} of {messages} messages came, then nothing for {STILL_S:.0f} s")
            time.sleep(LOOK_S)
        return time.time()

    def stop(self) -> None:
        """End it. A second call does nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        self._output.seek(0)
        self._output.truncate()


def smtp_sink() -> str:
    """Where Postfix's sink is.

    :raises SystemExit: it is not installed.
    """
    found = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise SystemExit("bench: smtp-sink is needed (package postfix; the service need not run)")
    return found
