"""QmtpServer: the receiving side of QMTP, without a socket. (Bernstein, Quick Mail Transfer Protocol; qmail-qmtpd(8))

A package is `NS(message) NS(sender) NS(NS(recipient)...)`; the first byte of the message says how its lines end. It is
answered by a netstring for each recipient, in order; nothing of the answer leaves before the last byte of the package
was read. Any number of packages come down one connection.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope

from .package import (
    ADDRESS_BYTES,
    NO_RESOURCES,
    TOO_BIG,
    Broken,
    Limits,
    PackageSession,
    Question,
    RecipientOffered,
    SenderOffered,
    Steps,
)

BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
BAD_RECIPIENT = b"Dsorry, I can't handle that recipient (#5.1.3)"
TOO_MANY_RECIPIENTS = b"Zsorry, too many recipients (#4.5.3)"
ABSURD_RECIPIENTS = 200_000  # in one package: nobody has that many answers to wait for


class QmtpServer(PackageSession):
    """One client's connection. Made by a listener or by qmail-qmtpd, and lives as long.

    `Limits.max_address_bytes` is less by the length of RELAYCLIENT, which the shell appends in `accept`.
    """

    __slots__ = ("_answers", "_recipients", "_sender")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._sender = b""
        self._recipients: list[bytes] = []
        # what is said, and to how many in a row; an empty text stands for the fate of the message
        self._answers: list[tuple[bytes, int]] = []

    def accept(self, address: bytes) -> None:
        """Take the offered sender or recipient, as the address `address`."""
        question, self._question, self._answer = self._question, Question.NONE, b""
        if question is Question.SENDER:
            self._sender = address
        else:
            assert question is Question.RECIPIENT
            self._recipients.append(address)

    def _run(self) -> Steps:
        idle = 0
        while idle < self._limits.max_idle_packages:
            yield from self._package()
            self.is_in_message = False
            idle = 0 if self._answer[:1] == b"K" else idle + 1
        self._farewell = b"too many packages without mail"

    def _package(self) -> Steps:
        size = yield from self._length()
        if not size:
            raise Broken(b"a message without its newline byte")
        newline = yield from self._byte()
        if newline not in (10, 13):
            raise Broken(b"a message with an unknown newline byte")
        yield from self._message(size - 1, newline == 13)
        yield from self._read_sender()
        yield from self._read_recipients()
        if not self._recipients:
            yield from self._spoil(self._fault)
            self._answer = self._fault
        else:
            yield from self._end(Envelope(self._sender, tuple(self._recipients)))
        for text, times in self._answers:
            self._say(text or self._answer, times)
        self._answers, self._recipients = [], []

    def _read_sender(self) -> Steps:
        address = yield from self._address(ADDRESS_BYTES)
        fault = BAD_SENDER
        if address is not None:
            yield from self._ask(Question.SENDER, SenderOffered(address))
            fault = self._answer
        if fault:
            # Said whatever else is wrong, but for the size.
            yield from self._spoil(TOO_BIG if self._fault == TOO_BIG else fault)

    def _read_recipients(self) -> Steps:
        self._budget = yield from self._length()
        count = 0
        while self._budget:
            count += 1
            if count > ABSURD_RECIPIENTS:
                raise Broken(b"an absurd number of recipients", NO_RESOURCES)
            yield from self._read_recipient()
        self._budget = -1
        yield from self._comma()

    def _read_recipient(self) -> Steps:
        address = yield from self._address(self._limits.max_address_bytes)
        if address is None:
            self._note(BAD_RECIPIENT)
        elif len(self._recipients) >= self._limits.max_recipients:
            self._note(TOO_MANY_RECIPIENTS)
        else:
            yield from self._ask(Question.RECIPIENT, RecipientOffered(address))
            self._note(self._answer)

    def _note(self, text: bytes) -> None:
        answers = self._answers
        if answers and answers[-1][0] == text:
            answers[-1] = (text, answers[-1][1] + 1)
        else:
            answers.append((text, 1))
