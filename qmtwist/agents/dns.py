"""The resolver of programs that look up a few names and end: blocking, without a reactor or a memory of answers."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import TypeVar

from qmtwist.mail.dns import Answer, Question
from qmtwist.mail.shapes import Generator, deque
from qmtwist.wire.dns import Lookup, Send, normal
from qmtwist.wire.nameserver import Health, NameService

LOOKUPS = 40  # at the same time
DATAGRAM_BYTES = 65535

Result = TypeVar("Result")


class Resolver:
    """Made by a program once it knows whom to ask (control/nameservers.py)."""

    def __init__(self, service: NameService) -> None:
        self._service = service
        self._health = Health()

    def ask(self, *questions: Question) -> tuple[Answer, ...]:
        """The answers, in the order of the questions, which are asked at the same time. Nothing is raised."""
        wanted = dict.fromkeys(normal(question) for question in questions)
        answers = _Round(self._service, self._health).run(list(wanted))
        return tuple(answers[normal(question)] for question in questions)

    def pump(self, asking: Generator[tuple[Question, ...], tuple[Answer, ...], Result]) -> Result:
        """Answer what a rule asks (rules/mx.py) until it is content; its result.

        :raises MailError: what the rule raises.
        """
        try:
            questions = next(asking)
            while True:
                questions = asking.send(self.ask(*questions))
        except StopIteration as end:
            result: Result = end.value
            return result


class _Round:
    """Some questions on their way together."""

    def __init__(self, service: NameService, health: Health) -> None:
        self._service = service
        self._health = health
        self._poll = select.poll()
        self._lines: dict[int, tuple[_Line, Question]] = {}
        self._lookups: dict[Question, Lookup] = {}
        self._answers: dict[Question, Answer] = {}

    def run(self, questions: list[Question]) -> dict[Question, Answer]:
        """The answer to each."""
        waiting = deque(questions)
        try:
            while waiting or self._lookups:
                while waiting and len(self._lookups) < LOOKUPS:
                    self._start(waiting.popleft())
                self._wait()
        finally:
            for line, _ in self._lines.values():
                line.close()
        return self._answers

    def _start(self, question: Question) -> None:
        lookup = self._lookups[question] = Lookup(question, self._service, self._health, _chance)
        self._carry_on(question, lookup.start(time.monotonic()))

    def _wait(self) -> None:
        """Until something comes or a deadline passes."""
        if not self._lookups:
            return
        next_deadline = min(lookup.deadline for lookup in self._lookups.values())
        ready = self._poll.poll(max(0.0, next_deadline - time.monotonic()) * 1000 + 1)
        for descriptor, _ in ready:
            if descriptor in self._lines:  # not closed a moment ago, with its lookup
                self._read(*self._lines[descriptor])
        for question, lookup in list(self._lookups.items()):
            self._carry_on(question, lookup.expired(time.monotonic()))

    def _read(self, line: _Line, question: Question) -> None:
        lookup, send = self._lookups[question], line.query
        try:
            data = line.advance()
        except BlockingIOError:
            return
        except OSError:
            self._drop(line)
            self._carry_on(question, lookup.failed(time.monotonic(), send.number))
            return
        self._poll.modify(line.fileno(), line.events)
        if data is not None:
            self._carry_on(question, lookup.received(time.monotonic(), send.server, send.is_tcp, data))

    def _carry_on(self, question: Question, send: Send | None) -> None:
        lookup = self._lookups[question]
        while send is not None:
            try:
                line = _Line(send)
            except OSError:
                send = lookup.failed(time.monotonic(), send.number)
                continue
            self._lines[line.fileno()] = line, question
            self._poll.register(line.fileno(), line.events)
            break
        if lookup.answer is not None:
            self._answers[question] = lookup.answer
            del self._lookups[question]
            for line in [line for line, its in self._lines.values() if its is question]:
                self._drop(line)

    def _drop(self, line: _Line) -> None:
        self._poll.unregister(line.fileno())
        del self._lines[line.fileno()]
        line.close()


class _Line:
    """A socket of its own for each query, so that each leaves from another port, which the kernel chooses at random.

    It is connected: the kernel drops what does not come from the server. (RFC 5452 §9.2)
    """

    def __init__(self, send: Send) -> None:
        """:raises OSError: there is no way to the server."""
        self.query = send
        self.events = select.POLLOUT if send.is_tcp else select.POLLIN
        self._received = b""
        family = socket.AF_INET6 if ":" in send.server.address else socket.AF_INET
        kind = socket.SOCK_STREAM if send.is_tcp else socket.SOCK_DGRAM
        self._socket = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        try:
            self._connect(send)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, send: Send) -> None:
        try:
            self._socket.connect((send.server.address, send.server.port))
        except BlockingIOError:  # TCP: it is on its way
            return
        if not send.is_tcp:
            self._socket.send(send.data)

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Done with it."""
        self._socket.close()

    def advance(self) -> bytes | None:
        """Go on now that poll says so; a whole message, if there is one.

        :raises OSError: refused, reset or ended.
        :raises BlockingIOError: poll was wrong.
        """
        if not self.query.is_tcp:
            return self._socket.recv(DATAGRAM_BYTES)
        if self.events == select.POLLOUT:
            # a fresh connection takes these few bytes at once; RFC 7766 §8: in one piece
            self._socket.send(len(self.query.data).to_bytes(2, "big") + self.query.data)
            self.events = select.POLLIN
            return None
        data = self._socket.recv(DATAGRAM_BYTES)
        if not data:
            raise ConnectionResetError
        self._received += data
        length = int.from_bytes(self._received[:2], "big")
        is_whole = len(self._received) >= max(2, length + 2)
        return self._received[2 : length + 2] if is_whole else None


def _chance(limit: int) -> int:
    """A number below the limit, a power of two, that nobody can guess."""
    return int.from_bytes(os.urandom(4), "big") % limit
