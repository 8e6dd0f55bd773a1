"""A destination that counts recipients and may be slow: one process, stdlib only, many addresses if wanted.

    python -m bench.slow_sink [--delay-ms 50] PORT ADDRESS...

Every reply leaves so long after the last byte of what it answers, as if the other side were that far away: replies to
commands that came together leave together. The counters are written over each other at the start of standard output,
which must be a file, in smtp-sink's form with two more: `sess=0 quit=0 mesg=M rcpt=R rcptonce=U`. R counts the
recipients of messages that were accepted, U the different ones among them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
from collections import deque

from bench.conversation import allow_many_descriptors

END = b"\r\n.\r\n"


class Counted:
    """What came in, in all sessions."""

    def __init__(self) -> None:
        self.messages = 0
        self.recipients = 0
        self._different: set[bytes] = set()

    def add(self, recipients: list[bytes]) -> None:
        """One message was accepted for these."""
        self.messages += 1
        self.recipients += len(recipients)
        self._different.update(recipients)
        text = f"sess=0 quit=0 mesg={self.messages} rcpt={self.recipients} rcptonce={len(self._different)}\r"
        os.pwrite(1, text.encode("ascii"), 0)


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, counted: Counted, delay_s: float) -> None:
        self._counted, self._delay_s = counted, delay_s
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._input = b""
        self._recipients: list[bytes] = []
        self._is_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._answer(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer whatever is complete."""
        self._input += data
        replies = []
        while reply := self._next_reply():
            replies.append(reply)
        if replies:
            self._answer(b"".join(replies))

    def _next_reply(self) -> bytes:
        if self._is_data:
            return self._end_of_data()
        line, found, rest = self._input.partition(b"\r\n")
        if not found:
            return b""
        self._input = rest
        return self._command(line)

    def _end_of_data(self) -> bytes:
        # The CRLF that ended DATA belongs to the terminator of an empty body; it was kept for this.
        _, found, rest = self._input.partition(END)
        if not found:
            return b""
        self._input, self._is_data = rest, False
        self._counted.add(self._recipients)
        self._recipients = []
        return b"250 2.0.0 Ok\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"DATA":
            self._is_data, self._input = True, b"\r\n" + self._input
            return b"354 End data with <CR><LF>.<CR><LF>\r\n"
        if verb == b"RCPT":
            self._recipients.append(line.partition(b"<")[2].partition(b">")[0])
        elif verb in (b"MAIL", b"RSET"):
            self._recipients = []
        return b"221 2.0.0 Bye\r\n" if verb == b"QUIT" else b"250 2.1.0 Ok\r\n"

    def _answer(self, reply: bytes) -> None:
        self._waiting.append(reply)
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._send)
        else:
            self._send()

    def _send(self) -> None:
        assert self._transport is not None
        reply = self._waiting.popleft()
        if not self._transport.is_closing():
            self._transport.write(reply)
            if reply.startswith(b"221"):
                self._transport.close()


async def serve(port: int, addresses: list[str], delay_s: float) -> None:
    """Until TERM."""
    counted, stopped = Counted(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await loop.create_server(lambda: Session(counted, delay_s), addresses, port, backlog=1000)
    await stopped.wait()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("port", type=int)
    parser.add_argument("address", nargs="+")
    options = parser.parse_args()
    allow_many_descriptors()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.address, options.delay_ms / 1000))


if __name__ == "__main__":
    main()
