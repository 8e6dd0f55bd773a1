"""DNS lists that answer when the test says so."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from qmtwist.mail.dns import Answer, Kind, Question, Status

ABSENT = Answer(Status.ABSENT)


def text(words: bytes) -> Answer:
    return Answer(Status.FOUND, (words,), 60)


class Puppet:
    """A resolver that answers when the test says so."""

    def __init__(self) -> None:
        self.waiting: dict[Question, Deferred[tuple[Answer, ...]]] = {}
        self.known: dict[Question, Answer] = {}

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        waits: Deferred[tuple[Answer, ...]] = Deferred()
        if all(question in self.known for question in questions):
            waits.callback(tuple(self.known[question] for question in questions))
        else:
            self.waiting[questions[0]] = waits
        return waits

    def answer(self, name: bytes, *answers: Answer, kind: str = Kind.TXT) -> None:
        self.waiting.pop(Question(name, kind)).callback(answers)
