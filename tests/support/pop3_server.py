"""The POP3 service alone, on a loopback port, over one forked process that keeps the mailboxes.

    python -m tests.support.pop3_server HOME [CHECKPASSWORD...]

Every login name's home is HOME/people/NAME. The port is the first line of its output, then come log lines.
With CHECKPASSWORD that program decides about logins, in front of `true`. Ends with its standard input.
"""

from __future__ import annotations

import os
import socket
import sys

from twisted.internet import reactor  # noqa: TID251  # this is a program
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO

from qmtwist.agents.local.mailbox import Mailboxes
from qmtwist.agents.mailbox.checkpassword import make_record, run
from qmtwist.control.settings import PopSettings
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.services.fdchannel import FdChannel
from qmtwist.services.local.mailboxes import Answer, UserWorker
from qmtwist.services.pop3.pop3d import make_pop3_factory
from qmtwist.wire import spawn


class ForkedAgent:
    """The local agent's promise with one worker for everybody."""

    def __init__(self, home: str, checkpassword: list[str]) -> None:
        self._home = home
        self._checkpassword = [os.fsencode(word) for word in checkpassword]
        self._waiting: dict[int, Deferred[Answer]] = {}
        self._number = 0
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            _serve(home, theirs)
        theirs.close()
        self._channel = FdChannel(reactor, ours, self._arrived, lambda: None)

    def channel_request(self, local: bytes, kind: bytes, payload: bytes) -> Deferred[Answer]:
        self._number += 1
        self._waiting[self._number] = Deferred()
        self._channel.send(spawn.frame(kind, self._number, payload))
        return self._waiting[self._number]

    def login(self, name: bytes, secret: bytes, challenge: bytes) -> Deferred[UserWorker]:
        status = os.waitstatus_to_exitcode(run([*self._checkpassword, b"true"], make_record(name, secret, challenge)))
        if status:
            return fail(Temporary("later") if status == 111 else Permanent("authorization failed"))
        return succeed(UserWorker(self, name))

    def _arrived(self, frame: spawn.Frame) -> None:
        self._waiting.pop(frame.number).callback((frame, None))


def _serve(home: str, channel: socket.socket) -> None:
    boxes, reader = Mailboxes(), spawn.FrameReader()
    while data := channel.recv(65536):
        for frame in reader.receive(data):
            directory = b""
            if frame.kind == spawn.OPEN:
                directory = os.path.join(os.fsencode(home), b"people", frame.payload.partition(b"\0")[0])
            for answer, _ in boxes.handle(frame, directory):
                channel.sendall(answer)
    os._exit(0)


class UntilEof(Protocol):
    """Stops the reactor at the end of standard input."""

    def connectionLost(self, reason: object = None) -> None:
        if reactor.running:
            reactor.stop()


def main() -> None:
    home, *checkpassword = sys.argv[1:]
    agent = ForkedAgent(home, checkpassword)
    settings = PopSettings(
        greeting=b"pop.example.org",
        timeout_s=600,
        checkpassword=b"yes" if checkpassword else None,
        maildir=b"Maildir",
        concurrency=100,
        max_failures=3,
    )

    def log(line: bytes) -> None:
        print(line.decode("ascii"), flush=True)

    port = reactor.listenTCP(0, make_pop3_factory(reactor, home, settings, agent, log), interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    StandardIO(UntilEof())
    reactor.run()


if __name__ == "__main__":
    main()
