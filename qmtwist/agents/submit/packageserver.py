"""QMTP and QMQP on descriptors 0 and 1: between a client, a session of the protocol and the queue program.

What qmail-qmtpd and qmail-qmqpd share. The session lasts an hour at most, counted while it waits for its client: never
is a message given up that the queue program has been given completely.
"""

from __future__ import annotations

import time

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Mapping
from qmtwist.rules import relay
from qmtwist.rules.relay import RelayRules
from qmtwist.wire.package import (
    Closed,
    Content,
    Event,
    MessageBegan,
    MessageEnded,
    MessageSpoiled,
    PackageSession,
    RecipientOffered,
    SenderOffered,
    Violation,
)
from qmtwist.wire.qmtpserver import QmtpServer
from qmtwist.wire.session import Pause

from .stdio import Gone, Stdio

SESSION_S = 3600
NO_RESOURCES = 111
NO_RELAY = b"Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
QUEUE_FAILURE = b"Zqqt failure (#4.3.0)"


class Conversation(Stdio):
    """One connection. Made by a program for its descriptors 0 and 1, and lives as long as the process."""

    def __init__(
        self, home: str, environ: Mapping[bytes, bytes], session: PackageSession, protocol: bytes, timeout_s: int
    ) -> None:
        """`protocol` is its word in the Received field; `timeout_s` is how long we wait for one thing of the client."""
        super().__init__(home, environ, timeout_s)
        self._session = session
        self._protocol = protocol
        self._deadline = time.monotonic() + SESSION_S

    def run(self) -> int:
        """Until the end; the exit status: 0 when the client ended or is gone, 100 when it broke the protocol, 111."""
        session = self._session
        try:
            while True:
                event = session.next_event()
                if isinstance(event, Pause):
                    self._write(session.take_output())
                    self._read()
                elif isinstance(event, Closed | Violation):
                    self._write(session.take_output())
                    return event.status if isinstance(event, Violation) else 0
                else:
                    self.serve(event)
        except (TimeoutError, Malformed):
            return NO_RESOURCES
        except Gone:
            return 0
        finally:
            self._abandon()

    def serve(self, event: Event) -> None:
        """Answer one event.

        :raises Malformed: a control file is damaged; nothing more can be said.
        """
        if isinstance(event, Content):
            if self._submission is not None:
                self._submission.write(event.data)
        elif isinstance(event, MessageBegan):
            self._open()
        elif isinstance(event, MessageEnded):
            self._finish(event)
        elif isinstance(event, MessageSpoiled):
            self._abandon()

    # -- the queue program

    def _open(self) -> None:
        try:
            self._submit(self._protocol, None)
        except OSError:
            return self._session.refuse(QUEUE_FAILURE)
        return self._session.go_ahead()

    def _finish(self, event: MessageEnded) -> None:
        submission, self._submission = self._submission, None
        assert submission is not None
        result = submission.finish(event.envelope)
        if result.text:
            self._session.refuse(result.text)
        else:
            self._session.stored(int(time.time()), result.qp)

    # -- the descriptors

    def _wait_s(self) -> float:
        return max(0.0, min(self._timeout_s, self._deadline - time.monotonic()))

    def _read(self) -> None:
        data = self._receive()
        return self._session.receive(data) if data else self._session.eof()


class QmtpConversation(Conversation):
    """QMTP: recipients are judged. Made by qmail-qmtpd."""

    def __init__(
        self, home: str, environ: Mapping[bytes, bytes], session: QmtpServer, rules: RelayRules, timeout_s: int
    ) -> None:
        super().__init__(home, environ, session, b"QMTP", timeout_s)
        self._qmtp = session
        self._rules = rules

    def serve(self, event: Event) -> None:
        """Answer one event, the two of QMTP among them.

        :raises Malformed: as its parent's, or morercpthosts cannot be read.
        """
        if isinstance(event, SenderOffered):
            self._qmtp.accept(event.address)
        elif isinstance(event, RecipientOffered):
            self._judge(event.address)
        else:
            super().serve(event)

    def _judge(self, address: bytes) -> None:
        rules, session = self._rules, self._qmtp
        if rules.relayclient is not None:
            return session.accept(address + rules.relayclient)
        try:
            is_ours = relay.may_receive(rules, address)
        except OSError as trouble:
            raise Malformed(str(trouble)) from None
        return session.accept(address) if is_ours else session.refuse(NO_RELAY)
