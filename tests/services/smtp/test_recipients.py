"""Recipients are asked about while the client waits."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed

from qmtwist.services.smtp.recipients import LocalRecipients


def sort(recipient: bytes) -> tuple[str, bytes]:
    if b"@" not in recipient:
        recipient += b"@here"
    if recipient.endswith(b"@virtual"):
        return "local", b"joe-" + recipient
    return ("local" if recipient.endswith(b"@here") else "remote"), recipient


class Agent:
    """Answers as told, and remembers what it was asked."""

    def __init__(self, answer: bytes, is_slow: bool = False) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self._answer = answer
        self._is_slow = is_slow

    def check(self, local: bytes, host: bytes) -> bytes | Deferred[bytes]:
        self.asked.append((local, host))
        return succeed(self._answer) if self._is_slow else self._answer


@pytest.mark.parametrize(("answer", "meaning"), [(b"y", True), (b"n", False), (b"?", None), (b"", None)])
@pytest.mark.parametrize("is_slow", [False, True])
def test_the_agents_word_is_passed_on(answer: bytes, meaning: bool | None, is_slow: bool) -> None:
    agent = Agent(answer, is_slow)
    result = LocalRecipients(sort, agent).check(b"ann@here")
    if isinstance(result, Deferred):
        heard: list[bool | None] = []
        result.addCallback(heard.append)
        assert heard == [meaning]
    else:
        assert result is meaning
    assert agent.asked == [(b"ann", b"here")]


def test_the_question_is_about_the_address_after_routing() -> None:
    agent = Agent(b"n")
    assert LocalRecipients(sort, agent).check(b"x@virtual") is False
    assert LocalRecipients(sort, agent).check(b"joe") is False
    assert agent.asked == [(b"joe-x", b"virtual"), (b"joe", b"here")]


@pytest.mark.parametrize("address", [b"x@elsewhere", b"@here"])
def test_what_is_not_ours_to_say_is_nobody_asked(address: bytes) -> None:
    """A remote recipient, and the empty local part that is dropped in silence."""
    agent = Agent(b"n")
    assert LocalRecipients(sort, agent).check(address) is True
    assert agent.asked == []
