"""What the sessions towards other hosts share: a transaction, what can happen, and what is being waited for.

The cores (`wire/smtp/client.py`, `wire/qmtp.py`) have the same verbs, so that one shell can drive both:

* `receive(data)`, `eof()`, `timed_out()`: what the connection does;
* `next_event()`: an `Event`, or a `Pause`: NEED_DATA (the other host's turn) or NEED_ANSWER (ours: a TLS handshake,
  a piece of the message, the next transaction);
* `take_output()`: what is to be written; call it after every other verb, also after the last event;
* `begin(transaction)` after `Ready` or an `Ended` that is reusable; `body(piece)` and `end_body()` after `SendBody`;
  `quit()` to part politely, without waiting for the answer.
"""

from __future__ import annotations

import enum

from qmtwist.mail.shapes import NamedTuple

from .remotereport import Result

BLOCK_BYTES = 32 * 1024  # of a message are written at once


class Transaction(NamedTuple):
    """One message for some recipients at one host.

    `sender` and `recipients` are addresses as the queue holds them, not quoted. `size_bytes` is the exact size of the
    message as it is stored (LF line ends); QMTP sends it ahead. `is_eight_bit`: the message has a byte above 127.
    `growth_bytes` is by how much it is longer with CR LF line ends, as SMTP announces it. (See `Survey`.)
    """

    sender: bytes
    recipients: tuple[bytes, ...]
    size_bytes: int
    is_eight_bit: bool
    growth_bytes: int = 0


class Survey:
    r"""What SMTP announces of a message, learned by looking at all of it. Made per message; `look` at each piece.

    >>> survey = Survey()
    >>> survey.look(b"a\n\xe4\r")
    >>> survey.look(b"\nb\n")
    >>> survey.is_eight_bit, survey.growth_bytes
    (True, 2)
    """

    __slots__ = ("_has_cr", "growth_bytes", "is_eight_bit")

    def __init__(self) -> None:
        self.is_eight_bit = False
        self.growth_bytes = 0
        self._has_cr = False  # at the end of the last piece

    def look(self, piece: bytes) -> None:
        """The next piece of the message, cut anywhere."""
        if not piece.isascii():
            self.is_eight_bit = True
        growth = piece.count(b"\n")
        if self._has_cr and piece[:1] == b"\n":
            growth -= 2  # the CR before it is no line end of its own
        if b"\r" in piece:
            # a lone CR goes out as a line end, a pair as it is (dots.SmtpStuffer)
            growth += piece.count(b"\r") - 2 * piece.count(b"\r\n")
        self.growth_bytes += growth
        if piece:
            self._has_cr = piece[-1:] == b"\r"


class Capabilities(NamedTuple):
    """What the other host's EHLO offered. `size_limit` is in bytes; 0: none, or not known."""

    has_size: bool = False
    size_limit: int = 0
    has_pipelining: bool = False
    has_eight_bit: bool = False
    has_starttls: bool = False


class Wait(enum.Enum):
    """What a session waits for; the value is the least time RFC 5321 §4.5.3.2 asks a client for, in seconds.

    The time it gets is control/timeoutremote for each of them, as in qmail; the names are for logs and shells.
    """

    GREETING = ("greeting", 300)
    HELLO = ("hello", 300)
    TLS = ("tls", 300)
    MAIL = ("mail", 300)
    RCPT = ("rcpt", 300)
    DATA = ("data initiation", 120)
    BLOCK = ("data block", 180)
    FINAL = ("final dot", 600)
    NOTHING = ("nothing", 0)  # idle between transactions, or over: no reply is due


class Tls(enum.Enum):
    """Whether a session asks for TLS."""

    NONE = "none"  # never
    MAY = "may"  # when it is offered; refused, the session goes on in clear
    MUST = "must"  # or nothing is sent


class StartTls(NamedTuple):
    """The other host is ready for a handshake: do it, then call `tls_started()` or `tls_failed(why)`."""


class Ready(NamedTuple):
    """A transaction may begin."""

    capabilities: Capabilities


class SendBody(NamedTuple):
    """Feed the message: `body(piece)` in pieces cut anywhere (LF text, as stored), then `end_body()`."""


class Ended(NamedTuple):
    """The transaction is over. If `is_reusable` another may begin; if not, `quit()` and close."""

    result: Result
    is_reusable: bool


class Lost(NamedTuple):
    """The connection is of no use any more: write what `take_output()` still has and close it.

    `result` is the transaction's, or says why none could begin; None: it was idle, and nothing is to be reported.
    `may_try_next_host`: nothing of the message was given away, and another host (or a new connection, if this one had
    been used before) may do better. `result` is then what to report if there is no other.
    """

    result: Result | None
    may_try_next_host: bool


Event = StartTls | Ready | SendBody | Ended | Lost
