"""SMTP servers on loopback that record what they are sent, and misbehave at every step that a test names.

`acts` maps a step to what happens instead of the usual answer. Steps: greeting, ehlo, helo, starttls, handshake (TLS),
mail, rcpt, data, body (after 354, before anything is read), dot, rset, noop, quit.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.support.network import listen

LIMIT_S = 60.0  # a forgotten conversation ends by itself
DEFAULT = ("PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES")


class Message(NamedTuple):
    """What was accepted, as it came over the wire (dots removed), and how."""

    sender: bytes  # the whole argument of MAIL, parameters too
    recipients: tuple[bytes, ...]
    body: bytes
    greeted: bytes  # the client's EHLO or HELO line
    client: str  # its address
    is_tls: bool


class Over(Exception):
    """The conversation has ended."""


class Conversation:
    """One client."""

    def __init__(self, peer: Peer, opened: socket.socket, client: str) -> None:
        self.peer = peer
        self.socket = opened
        self.client = client
        self.is_tls = False
        self.buffer = b""
        self.said = b""  # the beginning of the last answer

    def say(self, data: bytes) -> None:
        """Send it all."""
        self.said = data[:4]
        try:
            self.socket.sendall(data)
        except OSError:
            raise Over

    def read(self) -> bytes:
        """What comes next.

        :raises Over: nothing does.
        """
        try:
            data = self.socket.recv(65536)
        except OSError:
            raise Over
        if not data:
            raise Over
        return data

    def until(self, end: bytes) -> bytes:
        """All up to this mark, which is taken off."""
        pieces, tail = [], b""
        self.buffer, data = b"", self.buffer
        while True:
            at = (tail + data).find(end)
            if at >= 0:
                joined = b"".join([*pieces, data])
                at = joined.find(end, max(0, len(joined) - len(data) - len(end)))
                self.buffer = joined[at + len(end) :]
                return joined[:at]
            pieces.append(data)
            tail = (tail + data)[-len(end) :]
            data = self.read()

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Begin TLS; what the client sent ahead in clear is forgotten."""
        self.buffer = b""
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except OSError:
            raise Over
        self.is_tls = True

    def wait_for_hangup(self) -> None:
        """Say and read nothing until the client has hung up, or the test ends.

        :raises Over: always.
        """
        deadline = time.monotonic() + LIMIT_S
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        while not self.peer.is_closed and time.monotonic() < deadline:
            if poll.poll(50):
                break
        raise Over


Act = Callable[[Conversation], None]


# -- acts: each takes the place of an answer; those that return let the conversation go on as if it had been given


def drop(conversation: Conversation) -> None:
    """Hang up."""
    raise Over


def reset(conversation: Conversation) -> None:
    """Hang up with RST."""
    conversation.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Over


def stall(conversation: Conversation) -> None:
    """Say nothing any more."""
    conversation.wait_for_hangup()


def reply(text: bytes) -> Act:
    """Say this instead, and go on."""
    return lambda conversation: conversation.say(text)


def after(seconds: float, text: bytes) -> Act:
    """Say this late."""

    def act(conversation: Conversation) -> None:
        time.sleep(seconds)
        conversation.say(text)

    return act


def trickle(text: bytes, interval_s: float = 0.2) -> Act:
    """Say this a byte at a time, over and over, until the client has had enough."""

    def act(conversation: Conversation) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not conversation.peer.is_closed and time.monotonic() < deadline:
            for at in range(len(text)):
                conversation.say(text[at : at + 1])
                time.sleep(interval_s)
        raise Over

    return act


def endless(line: bytes) -> Act:
    """Say this line for ever, as fast as it goes."""

    def act(conversation: Conversation) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not conversation.peer.is_closed and time.monotonic() < deadline:
            conversation.say(line * 100)
        raise Over

    return act


def then_drop(text: bytes) -> Act:
    """Say this and hang up."""

    def act(conversation: Conversation) -> None:
        conversation.say(text)
        raise Over

    return act


def then_stall(text: bytes) -> Act:
    """Say this and nothing more."""

    def act(conversation: Conversation) -> None:
        conversation.say(text)
        conversation.wait_for_hangup()

    return act


class Peer:
    """A server; `messages`, `commands` and `connections` grow; `acts`, `extensions` and so on may be changed meanwhile.

    `context` makes it offer STARTTLS. `delay_s` comes before every answer. `verdicts` maps recipients to their reply.
    """

    def __init__(
        self,
        address: str = "127.0.0.1",
        port: int = 0,
        extensions: tuple[str, ...] = DEFAULT,
        context: ssl.SSLContext | None = None,
        delay_s: float = 0.0,
        **acts: Act,
    ) -> None:
        self.extensions = extensions
        self.context = context
        self.delay_s = delay_s
        self.acts: dict[str, Act] = dict(acts)
        self.verdicts: dict[bytes, bytes] = {}
        self.messages: list[Message] = []
        self.commands: list[bytes] = []
        self.connections = 0
        self.current = 0  # conversations now
        self.most = 0  # conversations at one time
        self.is_closed = False
        self._listener = listen(address, port)
        self.address, self.port = address, self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[Conversation] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def route(self) -> str:
        """What follows `domain:` in control/smtproutes."""
        return f"[{self.address}]:{self.port}"

    def close(self) -> None:
        """Hang up on everybody."""
        self.is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        with self._lock:
            opened = list(self._open)
        for one in opened:
            with contextlib.suppress(OSError):
                one.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def recipients(self) -> list[bytes]:
        """Whom all messages so far were for."""
        return [recipient for message in list(self.messages) for recipient in message.recipients]

    # -- conversations

    def _accept(self) -> None:
        while True:
            try:
                opened, client = self._listener.accept()
            except OSError:
                return
            if self.is_closed:
                opened.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._converse, args=(opened, client[0]), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, opened: socket.socket, client: str) -> None:
        opened.settimeout(LIMIT_S)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conversation = Conversation(self, opened, client)
        with self._lock:
            self._open.add(conversation)
            self.current += 1
            self.most = max(self.most, self.current)
        try:
            self._serve(conversation)
        except Over:
            pass
        finally:
            with self._lock:
                self._open.discard(conversation)
                self.current -= 1
            conversation.socket.close()
            opened.close()

    def _answer(self, conversation: Conversation, step: str, usual: bytes) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        act = self.acts.get(step)
        if act is not None:
            act(conversation)
        elif usual:
            conversation.say(usual)

    def _serve(self, conversation: Conversation) -> None:
        sender: bytes | None
        self._answer(conversation, "greeting", b"220 peer.example ESMTP\r\n")
        greeted, sender, recipients = b"", None, list[bytes]()
        while True:
            line = conversation.until(b"\r\n")
            self.commands.append(line)
            verb, _, argument = line.partition(b" ")
            match verb.upper():
                case b"EHLO":
                    greeted = line
                    self._answer(conversation, "ehlo", self._ehlo(conversation))
                case b"HELO":
                    greeted = line
                    self._answer(conversation, "helo", b"250 peer.example\r\n")
                case b"STARTTLS" if self.context is not None and not conversation.is_tls:
                    self._answer(conversation, "starttls", b"220 2.0.0 go ahead\r\n")
                    if conversation.said.startswith(b"220"):
                        self._answer(conversation, "handshake", b"")
                        conversation.encrypt(self.context)
                case b"MAIL":
                    self._answer(conversation, "mail", b"250 2.1.0 ok\r\n")
                    is_taken = conversation.said.startswith(b"2")
                    sender, recipients = argument[len(b"FROM:") :] if is_taken else None, []
                case b"RCPT" | b"DATA" if sender is None:
                    conversation.say(b"503 5.5.1 MAIL first\r\n")
                case b"RCPT":
                    recipient = argument[len(b"TO:") :].strip(b"<>")
                    self._answer(conversation, "rcpt", self.verdicts.get(recipient, b"250 2.1.5 ok\r\n"))
                    if conversation.said.startswith(b"2"):
                        recipients.append(recipient)
                case b"DATA":
                    self._answer(
                        conversation, "data", b"354 go ahead\r\n" if recipients else b"503 5.5.1 RCPT first\r\n"
                    )
                    if conversation.said.startswith(b"354"):
                        self._take(conversation, Message(sender or b"", tuple(recipients), b"", greeted, "", False))
                    sender, recipients = None, []
                case b"RSET":
                    sender, recipients = None, []
                    self._answer(conversation, "rset", b"250 2.0.0 ok\r\n")
                case b"NOOP":
                    self._answer(conversation, "noop", b"250 2.0.0 ok\r\n")
                case b"QUIT":
                    self._answer(conversation, "quit", b"221 2.0.0 bye\r\n")
                    return
                case _:
                    conversation.say(b"502 5.5.2 what?\r\n")

    def _ehlo(self, conversation: Conversation) -> bytes:
        words = list(self.extensions)
        if self.context is not None and not conversation.is_tls:
            words.append("STARTTLS")
        lines = ["peer.example", *words]
        return b"".join(
            b"250%s%s\r\n" % (b" " if at == len(lines) - 1 else b"-", line.encode()) for at, line in enumerate(lines)
        )

    def _take(self, conversation: Conversation, message: Message) -> None:
        self._answer(conversation, "body", b"")
        # The final dot may be the first line.
        conversation.buffer = b"\r\n" + conversation.buffer
        body = (conversation.until(b"\r\n.\r\n") + b"\r\n")[2:].replace(b"\r\n..", b"\r\n.")
        if body.startswith(b".."):
            body = body[1:]
        self.messages.append(message._replace(body=body, client=conversation.client, is_tls=conversation.is_tls))
        number = len(self.messages)
        self._answer(conversation, "dot", b"250 2.0.0 queued as %d\r\n" % number)
