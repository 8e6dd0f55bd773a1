"""What does one message cost in the SMTP client's core?

Run: python bench/smtp_client.py

One session, 20,000 transactions of one recipient; the answers to MAIL, RCPT and DATA come in one read where PIPELINING
is offered, and one by one where it is not. The message is fed in one piece. CPU time of this process; nothing is sent.

Last run (2-core virtual machine, Python 3.11.2, machine shared with other work):

      1024 bytes:  11.1 us pipelined (90,197 a second),  12.1 us one by one
      4096 bytes:  12.9 us pipelined (77,402 a second),  15.6 us one by one
     65536 bytes:  42.6 us pipelined (23,459 a second),  45.7 us one by one
      4096 bytes to 50 recipients: 1.8 us for each (561,508 a second)
"""

from __future__ import annotations

import time

from qmtwist.wire.outgoing import Ended, Ready, SendBody, Tls, Transaction
from qmtwist.wire.session import Pause
from qmtwist.wire.smtp.client import ClientSession

MESSAGES = 20_000
LINE = b"x" * 62 + b"\n"
PIPELINING = b"250-mx.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n"
LOCKSTEP = b"250 mx.example.net\r\n"
ANSWERS = [b"250 2.1.0 ok\r\n", b"250 2.1.5 ok\r\n", b"354 go ahead\r\n"]
KEPT = b"250 2.0.0 ok 1795238029 qp 7\r\n"


def body(size: int) -> bytes:
    """A stored message of about `size` bytes with a small header."""
    return b"Received: x\nSubject: x\n\n" + LINE * (size // len(LINE))


class Sender:
    """Begins a transaction whenever it may."""

    def __init__(self, hello: bytes, message: bytes, recipients: int) -> None:
        self.session = ClientSession(b"client.example.com", b"192.0.2.1", Tls.MAY)
        self.message = message
        names = tuple(b"u%d@example.org" % at for at in range(recipients))
        self.transaction = Transaction(b"sender@example.com", names, len(message), False)
        self.ended = 0
        for reply in (b"220 mx.example.net ESMTP\r\n", hello):
            self.hear(reply)

    def hear(self, data: bytes) -> bytes:
        """What is written in answer to a read."""
        session = self.session
        session.receive(data)
        while True:
            event = session.next_event()
            if isinstance(event, Pause):
                return session.take_output()
            if isinstance(event, SendBody):
                session.body(self.message)
                session.end_body()
            elif isinstance(event, Ready):
                session.begin(self.transaction)
            else:
                assert isinstance(event, Ended) and event.result.letter == b"K"
                self.ended += 1
                session.begin(self.transaction)


def run(hello: bytes, reads: list[bytes], size: int, recipients: int = 1) -> float:
    """Microseconds of CPU for a transaction."""
    sender = Sender(hello, body(size), recipients)
    count = MESSAGES // recipients
    begin = time.process_time()
    for _ in range(count):
        for data in reads:
            sender.hear(data)
    used = time.process_time() - begin
    assert sender.ended == count
    return used / count * 1e6


def main() -> None:
    """Print the table."""
    for size in (1024, 4096, 65536):
        group = run(PIPELINING, [b"".join(ANSWERS), KEPT], size)
        single = run(LOCKSTEP, [*ANSWERS, KEPT], size)
        print(f"{size:>6} bytes: {group:5.1f} us pipelined ({1e6 / group:,.0f} a second), {single:5.1f} us one by one")
    many = [ANSWERS[0] + ANSWERS[1] * 50 + ANSWERS[2], KEPT]
    each = run(PIPELINING, many, 4096, 50) / 50
    print(f"  4096 bytes to 50 recipients: {each:.1f} us for each ({1e6 / each:,.0f} a second)")


if __name__ == "__main__":
    main()
