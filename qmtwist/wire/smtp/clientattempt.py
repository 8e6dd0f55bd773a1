"""The books of one outgoing transaction: what was sent, what was answered, what it comes to. (RFC 5321 §3.3)"""

from __future__ import annotations

from qmtwist.mail.shapes import Final
from qmtwist.wire.outgoing import Capabilities, Transaction
from qmtwist.wire.remotereport import Result, disliked, giving_up

from .clientreplies import path, shown

GROUP = 100  # recipients that are sent ahead: their answers fit into any window, whoever reads first (RFC 2920 §3.1)

_ACCEPTED: Final = (b"r", b"")
_UNSENDABLE: Final = b"Sorry, the %s address has a character that cannot be sent in SMTP. (#5.1.%d)\n"


class Attempt:
    """One transaction with one host. Made by a ClientSession when it begins, and replaced by the next.

    `refusal` is set when nothing needs to be sent to know how it ends. A recipient that cannot be written in SMTP is
    refused here, and the others go on.
    """

    __slots__ = (
        "_address", "_answered", "_commands", "_is_group", "_records", "_sent", "_unsendable", "_verdict", "accepted",
        "is_data_sent", "mail", "refusal",
    )  # fmt: skip

    def __init__(self, address: bytes, transaction: Transaction, offers: Capabilities) -> None:
        self._address = address
        self._is_group = offers.has_pipelining
        self._commands: list[bytes] = []  # RCPT, for each recipient that can be sent
        self._unsendable: list[tuple[int, bytes]] = []  # the others: position and text
        self._sent = self._answered = self.accepted = 0  # of the commands
        self.is_data_sent = False
        self._records: list[tuple[bytes, bytes]] = []
        self._verdict: tuple[bytes, bytes] | None = None  # letter and text: the sender was refused
        self.mail = b""
        self.refusal = self._prepare(transaction, offers)

    def _prepare(self, transaction: Transaction, offers: Capabilities) -> Result | None:
        # RFC 1870 §5: line ends are counted as CR LF, and dots that are added are not
        size, sender = transaction.size_bytes + transaction.growth_bytes, path(transaction.sender)
        if sender is None:
            return Result((), b"D", _UNSENDABLE % (b"sender's", 7))
        if 0 < offers.size_limit < size:
            # RFC 1870 §6.1: what is known to be too big is not sent
            text = b"%s takes messages of at most %d bytes, and this one has %d. (#5.3.4)\n"
            return Result((), b"D", text % (self._address, offers.size_limit, size))
        for at, recipient in enumerate(transaction.recipients):
            known = path(recipient)
            if known is not None:
                self._commands.append(b"RCPT TO:<%s>\r\n" % known)
            else:
                self._unsendable.append((at, _UNSENDABLE % (b"recipient's", 3)))
        if not self._commands:
            return self.failed()
        announced = b" SIZE=%d" % size if offers.has_size else b""
        if transaction.is_eight_bit and offers.has_eight_bit:
            announced += b" BODY=8BITMIME"
        self.mail = b"MAIL FROM:<%s>%s\r\n" % (sender, announced)
        return None

    def next_commands(self) -> list[bytes]:
        """One RCPT; with PIPELINING a group of them, and DATA with the last."""
        sent = self._sent
        self._sent = min(sent + (GROUP if self._is_group else 1), len(self._commands))
        commands = self._commands[sent : self._sent]
        if self._is_group and self._sent == len(self._commands):
            commands.append(b"DATA\r\n")
            self.is_data_sent = True
        return commands

    # -- answers

    def refuse_sender(self, letter: bytes, text: bytes) -> None:
        """The answer to MAIL is no; answers to what was sent behind it do not matter any more."""
        self._verdict = letter, text

    def judge_recipient(self, code: int, said: bytes) -> None:
        """The answer to the next RCPT."""
        self._answered += 1
        if code < 400:
            self.accepted += 1
            self._records.append(_ACCEPTED)
        else:
            self._records.append((b"h" if code >= 500 else b"s", disliked(self._address, shown(said))))

    @property
    def is_waiting(self) -> bool:
        """Whether a recipient that was sent has not been answered."""
        return self._answered < self._sent

    @property
    def has_more(self) -> bool:
        """Whether recipients are still to be sent, and it makes sense to send them."""
        return self._sent < len(self._commands) and self._verdict is None

    @property
    def is_wanted(self) -> bool:
        """Whether there is somebody to send the message to."""
        return self.accepted > 0 and self._verdict is None

    @property
    def is_refused(self) -> bool:
        """Whether the sender was refused."""
        return self._verdict is not None

    # -- what it comes to

    def result(self, letter: bytes, text: bytes) -> Result:
        """This letter and text for the message, and the recipients' records as far as they are known."""
        return Result(self._all_records(), letter, text)

    def failed(self) -> Result:
        """The sender was refused, or all recipients."""
        if self._verdict is not None:
            return Result((), *self._verdict)
        return self.result(b"D", giving_up(self._address))

    def closing(self, said: bytes) -> Result:
        """421 was the answer to a recipient; those that were not answered are deferred."""
        if self._answered == len(self._commands) and not self.accepted:
            return self.failed()
        return self.result(b"Z", giving_up(self._address) + b"Remote host said: " + shown(said))

    def _all_records(self) -> tuple[tuple[bytes, bytes], ...]:
        """The recipients' records as far as they are known from the first on."""
        if not self._unsendable:
            return tuple(self._records)
        records = self._records.copy()
        for at, text in self._unsendable:
            if at <= len(records):
                records.insert(at, (b"h", text))
        return tuple(records)
