"""ClientSession: the sending side of SMTP, without a socket. (RFC 5321, 1870, 2920, 3207, 6152; qmail-remote(8))

Reports have qmail-remote's words, and replies mean what they mean to it: below 400 is yes to MAIL, RCPT, DATA and the
message, 220 alone is a greeting, 250 alone the answer to EHLO and HELO.

One module and plain code on purpose: this runs for every message (bench/smtp_client.py).
"""

from __future__ import annotations

from qmtwist.mail.shapes import Final
from qmtwist.wire.dots import SmtpStuffer
from qmtwist.wire.outgoing import (
    BLOCK_BYTES,
    Capabilities,
    Ended,
    Event,
    Lost,
    Ready,
    SendBody,
    StartTls,
    Tls,
    Transaction,
    Wait,
)
from qmtwist.wire.remotereport import Result, accepted, died
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA, Pause

from .clientattempt import Attempt
from .clientreplies import ReplyStream, parse_ehlo, shown

__all__ = ["ClientSession", "Tls"]

# Which reply is due, or what is. Plain numbers: they index the table of what to do at the end of this module.
_GREETING, _EHLO, _HELO, _STARTTLS, _RSET, _MAIL, _RCPT, _DATA, _BODY, _FINAL = range(10)
_TLS, _READY, _OVER = 10, 11, 12  # no reply is due

_WAITS: Final = (
    Wait.GREETING, Wait.HELLO, Wait.HELLO, Wait.HELLO, Wait.MAIL, Wait.MAIL, Wait.RCPT, Wait.DATA, Wait.BLOCK,
    Wait.FINAL, Wait.TLS, Wait.NOTHING, Wait.NOTHING,
)  # fmt: skip

_SEND_BODY: Final = SendBody()
_NOTHING: Final = Transaction(b"", (), 0, False)


class ClientSession:
    """One connection to another host. Made by a shell when it is connected, and lives as long.

    `address` is how reports name the other host. `turn` grows with each reply and each step of ours: a shell gives
    control/timeoutremote to each turn (not to each read), and calls `timed_out()` when it is over; while `wait` is
    NOTHING no time runs.
    """

    __slots__ = (
        "_address", "_attempt", "_capabilities", "_event", "_held_bytes", "_helohost", "_is_early", "_is_encrypted",
        "_needs_reset", "_output", "_replies", "_state", "_stuffer", "_tls", "turn",
    )  # fmt: skip

    def __init__(self, helohost: bytes, address: bytes, tls: Tls) -> None:
        self._helohost = helohost
        self._address = address
        self._tls = tls
        self._is_encrypted = False
        self._capabilities = Capabilities()
        self._state = _GREETING
        self._output: list[bytes] = []
        self._held_bytes = 0  # of the message, since the last write
        self._event: Event | None = None
        self._replies = ReplyStream()
        self._needs_reset = False  # the other side may still have a sender
        self._attempt = Attempt(address, _NOTHING, self._capabilities)
        self._stuffer = SmtpStuffer()
        self._is_early = False  # an answer to the message began before its end was sent
        self.turn = 0

    # -- what the connection does

    def receive(self, data: bytes) -> None:
        """Take what was read; call `next_event` until it pauses."""
        if self._state != _OVER:
            self._replies.receive(data)

    def eof(self) -> None:
        """The connection has ended, in order or with an error. Call it when `next_event` has paused."""
        self._break(self._state <= _DATA or self._state == _TLS)

    def timed_out(self) -> None:
        """The time of this turn is over. The shell closes the connection after the event."""
        # who is slow with MAIL or RCPT has been reached: trying each of many hosts would cost as many times
        self._break(self._state < _RSET or self._state == _TLS)

    @property
    def wait(self) -> Wait:
        """What is due from the other side."""
        return _WAITS[self._state]

    def take_output(self) -> bytes:
        """What has not been written yet. Of a message less than a block is kept back, to leave with its end."""
        output = self._output
        if not output or (self._state == _BODY and self._held_bytes < BLOCK_BYTES):
            return b""
        self._held_bytes = 0
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    # -- what the shell wants

    def tls_started(self) -> None:
        """The handshake is done, and the certificate is good enough."""
        assert self._state == _TLS
        if self._replies.has_unread:
            self._event = self._injected()
            return
        # RFC 3207 §4.2: what was learned in clear is forgotten
        self._is_encrypted, self._capabilities = True, Capabilities()
        self._hello(b"EHLO", _EHLO)

    def tls_failed(self, why: bytes) -> None:
        """The handshake failed, or the certificate is not good enough. `why` is a phrase for the report."""
        assert self._state == _TLS
        self._event = self._lose(self._but(b"TLS failed: %s. (#4.7.5)\n" % why), True)

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction: after `Ready`, or after an `Ended` that is reusable."""
        assert self._state == _READY
        attempt = self._attempt = Attempt(self._address, transaction, self._capabilities)
        if self._replies.has_unread:
            self._event = self._lose(self._but(b"it spoke out of turn. (#4.5.0)\n"), True)
            return
        if attempt.refusal is not None:
            self._event = Ended(attempt.refusal, True)
            return
        self.turn += 1
        self._state = _MAIL
        if self._needs_reset:
            self._output.append(b"RSET\r\n")
            self._state = _RSET
            if not self._capabilities.has_pipelining:
                return
        self._send_envelope()

    def body(self, piece: bytes) -> None:
        """The next piece of the message: LF text, cut anywhere. Not looked at when the connection was lost."""
        if self._state == _BODY:
            self.turn += 1
            self._held_bytes += len(piece)
            self._output.append(self._stuffer.encode(piece))

    def end_body(self) -> None:
        """The message was fed completely."""
        if self._state != _BODY:
            return
        if not self._stuffer.is_complete:
            text = b"SMTP cannot transfer messages with partial final lines. (#5.6.2)\n"
            self._output.clear()
            self._event = self._lose(self._attempt.result(b"D", text), False)
            return
        self._is_early = self._replies.has_unread
        self._output.append(self._stuffer.finish() + b".\r\n")
        self.turn += 1
        self._state = _FINAL

    def quit(self) -> None:
        """Part without waiting for the answer. The session is over."""
        if self._state == _READY:
            self._output.append(b"QUIT\r\n")
        self._state = _OVER

    # -- what the shell gets

    def next_event(self) -> Event | Pause:
        """What happens next."""
        replies = self._replies
        while True:
            if self._event is not None:
                event, self._event = self._event, None
                return event
            state = self._state
            if state >= _TLS:
                if state == _READY and replies.has_unread:
                    return self._lose(None, True)  # a farewell, or an answer to nothing
                return NEED_DATA if state == _OVER else NEED_ANSWER
            if replies.read():
                self.turn += 1
                self._event = _STEPS[state](self)
            elif replies.is_endless:
                self._event = self._give_up(b"its answer did not end.")
            else:
                return NEED_ANSWER if state == _BODY else NEED_DATA

    # -- before a transaction

    def _hello(self, verb: bytes, state: int) -> None:
        self._output.append(b"%s %s\r\n" % (verb, self._helohost))
        self._state = state
        self.turn += 1

    def _on_greeting(self) -> Event | None:
        if self._replies.code != 220:
            return self._part(self._but(b"greeting failed.\n" + self._replies.quoted))
        self._hello(b"EHLO", _EHLO)
        return None

    def _on_ehlo(self) -> Event | None:
        if self._replies.code == 250:
            self._capabilities = parse_ehlo(self._replies.said)
            return self._after_ehlo()
        if self._replies.code < 500:
            return self._part(self._rejected_name())
        if self._tls is Tls.MUST and not self._is_encrypted:
            return self._without_tls()
        # RFC 5321 §3.2: a server that does not know EHLO is spoken to with HELO
        self._hello(b"HELO", _HELO)
        return None

    def _on_helo(self) -> Event | None:
        return self._part(self._rejected_name()) if self._replies.code != 250 else self._ready()

    def _after_ehlo(self) -> Event | None:
        if self._is_encrypted or self._tls is Tls.NONE:
            return self._ready()
        if not self._capabilities.has_starttls:
            return self._without_tls() if self._tls is Tls.MUST else self._ready()
        if self._replies.has_unread:
            return self._injected()
        self._output.append(b"STARTTLS\r\n")
        self._state = _STARTTLS
        return None

    def _on_starttls(self) -> Event | None:
        if self._replies.code == 220:
            if self._replies.has_unread:
                return self._injected()
            self._state = _TLS
            return StartTls()
        if self._replies.code == 421 or self._tls is Tls.MUST:
            return self._part(self._but(b"STARTTLS failed.\n" + self._replies.quoted))
        return self._ready()

    def _ready(self) -> Event:
        self._state = _READY
        return Ready(self._capabilities)

    # -- a transaction

    def _send_envelope(self) -> None:
        self._output.append(self._attempt.mail)
        if self._capabilities.has_pipelining:
            self._output += self._attempt.next_commands()

    def _on_rset(self) -> Event | None:
        if self._replies.code >= 400:
            return self._part(self._but(b"RSET failed.\n" + self._replies.quoted))
        self._needs_reset = False
        self._state = _MAIL
        if not self._capabilities.has_pipelining:
            self._send_envelope()
        return None

    def _on_mail(self) -> Event | None:
        if self._replies.code < 400:
            self._needs_reset = True
        else:
            text = b"Connected to %s but sender was rejected.\n" % self._address + self._replies.quoted
            if self._replies.code == 421:
                return self._part(Result((), b"Z", text))
            self._attempt.refuse_sender(self._replies.letter, text)
        return self._go_on()

    def _on_rcpt(self) -> Event | None:
        attempt = self._attempt
        attempt.judge_recipient(self._replies.code, self._replies.said)
        if self._replies.code == 421 and not attempt.is_refused:
            return self._part(attempt.closing(self._replies.said))
        return self._go_on()

    def _go_on(self) -> Event | None:
        """After the answer to MAIL or RCPT: wait for the next one, or send more."""
        attempt = self._attempt
        self._state = _RCPT
        if attempt.is_waiting:
            return None
        if not attempt.is_data_sent:
            if attempt.has_more:
                self._output += attempt.next_commands()
                return None
            if not attempt.is_wanted:
                return self._end(attempt.failed())
            self._output.append(b"DATA\r\n")
        self._state = _DATA
        return None

    def _on_data(self) -> Event | None:
        attempt = self._attempt
        if self._replies.code < 400:
            if attempt.is_wanted:
                self._stuffer = SmtpStuffer()
                self._state = _BODY
                self._held_bytes = BLOCK_BYTES if self._output else 0  # commands are not kept back
                return _SEND_BODY
            # RFC 2920 §3.1 asks for a lone dot where DATA was sent ahead for nobody. A server that lost count could
            # deliver that as an empty message; one whose end never came it cannot (RFC 5321 §4.1.1.10)
            return self._lose(attempt.failed(), False)
        if not attempt.is_wanted:
            return self._end(attempt.failed())
        text = b"%s failed on DATA command.\n" % self._address + self._replies.quoted
        result = attempt.result(self._replies.letter, text)
        return self._part(result) if self._replies.code == 421 else self._end(result)

    def _on_body(self) -> Event | None:
        """An answer while the message is being sent: a refusal is believed."""
        if self._replies.code < 400:
            return self._give_up(b"it spoke out of turn.")
        return self._lose(self._failed_after(), False)

    def _on_final(self) -> Event | None:
        if self._replies.code >= 400:
            return self._end(self._failed_after())
        if self._is_early:
            # what was said before the message had ended does not say that it has been accepted
            return self._give_up(b"it spoke out of turn.")
        self._needs_reset = False
        return self._end(self._attempt.result(b"K", accepted(self._address, shown(self._replies.said))))

    # -- how it ends

    def _end(self, result: Result) -> Event:
        self._state = _READY
        return Ended(result, self._replies.code != 421)

    def _part(self, result: Result) -> Event:
        """An answer after which nothing more is wanted from this host; a QUIT where it will be seen as one."""
        is_ahead = self._capabilities.has_pipelining and _RSET <= self._state <= _RCPT
        if not is_ahead:
            self._output.append(b"QUIT\r\n")
        self._state = _OVER
        return Lost(result, True)

    def _lose(self, result: Result | None, may_try_next_host: bool) -> Event:
        self._state = _OVER
        self._replies.clear()
        return Lost(result, may_try_next_host)

    def _break(self, may_try_next_host: bool) -> None:
        """The connection has come to an end that no answer announced."""
        if self._state == _READY and isinstance(self._event, Ended):
            self._state, self._event = _OVER, Ended(self._event.result, False)
        elif self._state == _READY:
            self._event = self._lose(None, True)
        elif self._state == _HELO:
            # many close when they refuse EHLO, or after it: that answer says more
            self._event = self._lose(self._rejected_name(), True)
        elif self._state != _OVER:
            self._event = self._abandon(died(self._address, self._state == _FINAL), may_try_next_host)

    def _give_up(self, why: bytes) -> Event:
        """The answers make no sense any more."""
        warning = b"Possible duplicate! " if self._state == _FINAL else b""
        text = b"Connected to %s but %s %s(#4.5.0)\n" % (self._address, why, warning)
        return self._abandon(text, self._state <= _DATA)

    def _abandon(self, text: bytes, may_try_next_host: bool) -> Event:
        attempt, state = self._attempt, self._state
        if state >= _MAIL and (attempt.is_refused or (state == _DATA and not attempt.is_wanted)):
            return self._lose(attempt.failed(), False)
        return self._lose(attempt.result(b"Z", text), may_try_next_host)

    def _injected(self) -> Event:
        return self._lose(self._but(b"it sent clear text where TLS was to begin. (#4.7.0)\n"), True)

    # -- texts

    def _but(self, text: bytes) -> Result:
        return Result((), b"Z", b"Connected to %s but %s" % (self._address, text))

    def _rejected_name(self) -> Result:
        return self._but(b"my name was rejected.\n" + self._replies.quoted)

    def _without_tls(self) -> Event:
        return self._part(self._but(b"it offers no STARTTLS, which control/tlspolicy demands. (#4.7.4)\n"))

    def _failed_after(self) -> Result:
        text = b"%s failed after I sent the message.\n" % self._address + self._replies.quoted
        return self._attempt.result(self._replies.letter, text)


# In the order of the numbers above. RFC 5321 §4.3.2: which answers a command can have.
_STEPS: Final = (
    ClientSession._on_greeting, ClientSession._on_ehlo, ClientSession._on_helo, ClientSession._on_starttls,
    ClientSession._on_rset, ClientSession._on_mail, ClientSession._on_rcpt, ClientSession._on_data,
    ClientSession._on_body, ClientSession._on_final,
)  # fmt: skip
