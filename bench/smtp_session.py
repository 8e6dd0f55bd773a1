"""What does one 4 KB message cost in the SMTP core?

Run: python bench/smtp_session.py

One session, 20,000 messages; for each MAIL, RCPT, DATA and the body, each in a read of its own as from a client without
PIPELINING, or the first three in one read. CPU time of this process; nothing is stored.

Last run (2-core virtual machine, Python 3.11.2, machine shared with other work):

      1024 bytes:  10.8 us pipelined,  11.0 us command by command
      4096 bytes:  14.7 us pipelined,  15.2 us command by command
     65536 bytes: 100.1 us pipelined, 100.8 us command by command

The whole service around it (SmtpProtocol, Clerk, rules, log line; queue in memory) takes 38 us for the 4 KB message.
"""

from __future__ import annotations

import sys
import time

from qmtwist.wire.session import Pause
from qmtwist.wire.smtp.events import Limits, MessageEnded, MessageOffered, RecipientOffered, SenderOffered, make_terms
from qmtwist.wire.smtp.server import ServerSession

MESSAGES = 20_000
LINE = b"x" * 62 + b"\r\n"
ENVELOPE = [b"MAIL FROM:<sender@example.com>\r\n", b"RCPT TO:<joe@example.org>\r\n", b"DATA\r\n"]


def body(size: int) -> bytes:
    """A message of about `size` bytes with a small header."""
    return b"Received: x\r\nSubject: x\r\n\r\n" + LINE * (size // len(LINE)) + b".\r\n"


def pump(session: ServerSession) -> bytes:
    """Answer yes to everything; the replies."""
    while True:
        event = session.next_event()
        if isinstance(event, Pause):
            return session.take_output()
        if isinstance(event, SenderOffered | RecipientOffered):
            session.accept(event.address)
        elif isinstance(event, MessageOffered):
            session.go_ahead()
        elif isinstance(event, MessageEnded):
            session.stored(1795238029, 7)


def run(reads: list[bytes]) -> float:
    """Microseconds of CPU for a message."""
    session = ServerSession(make_terms(b"mail.example.org", Limits(1000, 1000, 20, 100, 0)))
    session.receive(b"EHLO client.example.com\r\n")
    pump(session)
    begin = time.process_time()
    for _ in range(MESSAGES):
        for data in reads:
            session.receive(data)
            last = pump(session)
    used = time.process_time() - begin
    assert last == b"250 2.0.0 ok 1795238029 qp 7\r\n", last
    return used / MESSAGES * 1e6


def main() -> None:
    """Print the table."""
    for size in (1024, 4096, 65536):
        one, many = run([b"".join(ENVELOPE), body(size)]), run([*ENVELOPE, body(size)])
        print(f"{size:>6} bytes: {one:5.1f} us pipelined, {many:5.1f} us command by command")


if __name__ == "__main__":
    sys.exit(main())
