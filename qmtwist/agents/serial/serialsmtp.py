"""serialsmtp's work: messages of a maildir, one after the other, down an SMTP connection. (serialsmtp(1))"""

from __future__ import annotations

import os
import select

from qmtwist.agents.remote.message import Message, Unreadable
from qmtwist.mail.reasons import reason
from qmtwist.wire.outgoing import Ended, Event, Lost, Ready, SendBody, Survey, Transaction
from qmtwist.wire.remotereport import Result
from qmtwist.wire.session import NEED_DATA, Pause
from qmtwist.wire.smtp.client import ClientSession, Tls

from .ends import (
    FROM_NETWORK,
    PIECE_BYTES,
    TO_NETWORK,
    WRITE_S,
    Fatal,
    Opened,
    answer,
    is_ready,
    open_message,
    prepare,
    read_names,
)

READ_S = 81
_SAID = b"Remote host said: "
_PARTIAL = b"SMTP cannot transfer messages with partial final lines. (#5.6.2)"


class SerialSmtp:
    """One connection, which is there already. Made by the program."""

    def __init__(self, prefix: bytes, helohost: bytes, remote_ip: bytes | None) -> None:
        self._prefix = prefix
        self._remote_ip = remote_ip
        self._session = ClientSession(helohost, remote_ip or b"the other host", Tls.NONE)
        self._why = b""  # the connection ended
        self._event: Event | None = None  # came up while a message was being sent
        self._is_over = False  # the other host said that it wants no more

    def run(self) -> None:
        """Send what descriptor 0 names.

        :raises Fatal: the rest cannot be sent now.
        """
        prepare()
        event = self._next()
        if not isinstance(event, Ready):
            raise Fatal(self._words(event.result if isinstance(event, Lost) else None))
        for name in read_names():
            if self._is_over:
                raise Fatal(b"network read error: end of file")
            opened = open_message(name, self._prefix)
            if opened is not None:
                try:
                    self._send(opened)
                finally:
                    os.close(opened.descriptor)
        self._session.quit()
        self._write()

    # -- one message

    def _send(self, opened: Opened) -> None:
        with Message(opened.descriptor) as message:
            try:
                if self._is_partial(opened):
                    return answer(opened.name, b"D", _PARTIAL)
                survey = message.survey()
                event = self._carry(opened, message, survey)
            except (Unreadable, OSError) as error:
                cause = error if isinstance(error, OSError) else error.__cause__
                why = reason(cause) if isinstance(cause, OSError) else b"it has become shorter"
                raise Fatal(b"unable to read file: " + why) from error
        if isinstance(event, Ended):
            self._report(opened, event.result)
            if not event.is_reusable:
                self._session.quit()
                self._write()
                self._is_over = True
        elif isinstance(event, Lost):
            if event.result is not None and _SAID in _deciding(event.result)[1]:
                self._report(opened, event.result)
            raise Fatal(self._words(event.result))
        return None

    def _carry(self, opened: Opened, message: Message, survey: Survey) -> Event:
        """From MAIL to the answer behind the message."""
        size, growth = message.size_bytes(), survey.growth_bytes
        transaction = Transaction(opened.sender, (opened.recipient,), size, survey.is_eight_bit, growth)
        self._session.begin(transaction)
        while True:
            event = self._next()
            if not isinstance(event, SendBody):
                return event
            for piece in message.pieces():
                self._session.body(piece)
                if not self._write() or self._has_answered():
                    break
            else:
                self._session.end_body()

    def _is_partial(self, opened: Opened) -> bool:
        end = os.fstat(opened.descriptor).st_size
        return opened.size_bytes > 0 and os.pread(opened.descriptor, 1, end - 1) != b"\n"

    def _report(self, opened: Opened, result: Result) -> None:
        letter, text = _deciding(result)
        before, said, words = text.rstrip(b"\n").rpartition(_SAID)
        if not said:  # nobody said it but we
            return answer(opened.name, letter, before or words)
        where = b"%s to: %s said: " % (self._remote_ip, opened.recipient) if self._remote_ip else b""
        return answer(opened.name, letter, where + words.rpartition(b"\n")[2])

    def _words(self, result: Result | None) -> bytes:
        """Why the connection is of no use."""
        if self._why:
            return self._why
        text = b"" if result is None else result.text
        for words in (b"greeting failed", b"my name was rejected"):
            if b"but " + words in text:
                return b"connected but " + words
        return b"network read error: end of file" if _SAID in text else b"protocol violation"

    # -- the connection

    def _next(self) -> Event:
        """What happens next; waits for it."""
        while True:
            event, self._event = self._event or self._session.next_event(), None
            self._write()
            if not isinstance(event, Pause):
                return event
            if event is not NEED_DATA:
                raise Fatal(b"protocol violation")
            self._read(READ_S)

    def _read(self, timeout_s: float) -> None:
        if not is_ready(FROM_NETWORK, select.POLLIN, timeout_s):
            self._why = self._why or b"network read error: timed out"
            return self._session.timed_out()
        try:
            data = os.read(FROM_NETWORK, PIECE_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self._why = self._why or b"network read error: " + reason(error)
            return self._session.eof()
        if data:
            return self._session.receive(data)
        self._why = self._why or b"network read error: end of file"
        return self._session.eof()

    def _has_answered(self) -> bool:
        """Whether the other host has spoken although the message has not ended."""
        if is_ready(FROM_NETWORK, select.POLLIN, 0):
            self._read(0)
        event = self._session.next_event()
        self._event = None if isinstance(event, Pause) else event
        return self._event is not None

    def _write(self) -> bool:
        """Write what there is, or tell the session that it could not be. Whether it was."""
        data = memoryview(self._session.take_output())
        try:
            while data:
                if not is_ready(TO_NETWORK, select.POLLOUT, WRITE_S):
                    raise TimeoutError
                try:
                    data = data[os.write(TO_NETWORK, data) :]
                except BlockingIOError:
                    continue
        except TimeoutError:
            self._why = b"network write error: timed out"
            self._session.timed_out()
            return False
        except OSError as error:
            # it may have said why before it hung up
            if not self._has_answered():
                self._why = b"network write error: " + reason(error)
                self._session.eof()
            return False
        return True


def _deciding(result: Result) -> tuple[bytes, bytes]:
    """Letter and text that decide about the only recipient."""
    for letter, text in result.recipients[:1]:
        if letter != b"r":
            return b"D" if letter == b"h" else b"Z", text
    return result.letter, result.text
