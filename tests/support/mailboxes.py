"""Maildirs for tests, and an agent that serves them without a process."""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed

from qmtwist.agents.local.mailbox import Mailboxes
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.services.local.mailboxes import Answer
from qmtwist.wire import spawn


def make_maildir(path: Path, messages: dict[str, bytes]) -> None:
    """A maildir with these messages, the first one oldest."""
    for room in ("tmp", "new", "cur"):
        (path / room).mkdir(parents=True, exist_ok=True)
    birth = time.time() - 10_000
    for age, (name, text) in enumerate(messages.items()):
        (path / name).write_bytes(text)
        os.utime(path / name, (birth + age, birth + age))


class InProcessAgent:
    """The local agent's promise, kept by `Mailboxes` in this process: `homes` says where a local part lives.

    While `is_held`, requests wait for `release`; while `is_gone`, they fail.
    """

    def __init__(self, homes: dict[bytes, Path]) -> None:
        self.homes = homes
        self.boxes = Mailboxes()
        self.requests: list[bytes] = []
        self.logins: list[tuple[bytes, bytes, bytes]] = []
        self.workers: list[FakeWorker] = []
        self.is_held = self.is_gone = False
        self._waiting: list[tuple[Deferred[Answer], bytes, bytes, bytes]] = []

    def channel_request(self, local: bytes, kind: bytes, payload: bytes) -> Deferred[Answer]:
        self.requests.append(kind)
        if self.is_gone:
            return fail(Temporary("the worker is gone"))
        if self.is_held:
            waiting: Deferred[Answer] = Deferred()
            self._waiting.append((waiting, local, kind, payload))
            return waiting
        return succeed(self._answer(local, kind, payload))

    def login(self, name: bytes, secret: bytes, challenge: bytes) -> Deferred[FakeWorker]:
        """A checkpassword program that knows everybody by the password `secret`."""
        self.logins.append((name, secret, challenge))
        if self.is_gone:
            return fail(Temporary("the login cannot be checked now"))
        if secret != b"secret":
            return fail(Permanent("authorization failed"))
        self.workers.append(FakeWorker(self, name))
        return succeed(self.workers[-1])

    def release(self, count: int = 1_000) -> None:
        """Answer the requests that wait longest."""
        now, self._waiting = self._waiting[:count], self._waiting[count:]
        for waiting, local, kind, payload in now:
            waiting.callback(self._answer(local, kind, payload))

    def _answer(self, local: bytes, kind: bytes, payload: bytes) -> Answer:
        home = self.homes.get(local)
        if home is None:
            return spawn.Frame(spawn.REFUSAL, 0, b"Dno such user"), None
        answers = self.boxes.handle(spawn.Frame(kind, 0, payload), os.fsencode(home))
        (frame,) = spawn.FrameReader().receive(answers[0][0])
        return frame, answers[0][1]


class FakeWorker:
    """What a checkpassword login brings: one account's mailbox, until it is released."""

    def __init__(self, agent: InProcessAgent, local: bytes) -> None:
        self._agent = agent
        self.local = local
        self.is_released = False

    def request(self, kind: bytes, payload: bytes) -> Deferred[Answer]:
        assert not self.is_released
        return self._agent.channel_request(self.local, kind, payload)

    def release(self) -> None:
        self.is_released = True
