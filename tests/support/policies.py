"""SPF checks against a DNS of a few lines."""

from __future__ import annotations

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.rules.spf.check import Client, Result, check

Names = dict[str, dict[str, tuple[object, ...] | None]]


class Dns:
    """Names to what is there of each kind; None: nobody answers. What was asked is in `asked`."""

    def __init__(self, names: Names) -> None:
        self.names = {name.lower(): records for name, records in names.items()}
        self.asked: list[tuple[str, str]] = []

    def answer(self, question: Question) -> Answer:
        """What is known about it."""
        name = question.name.decode("latin-1").lower()
        self.asked.append((name, question.kind))
        if name not in self.names:
            return Answer(Status.ABSENT)
        records = self.names[name].get(question.kind, ())
        if records is None:
            return TROUBLE
        return Answer(Status.FOUND if records else Status.EMPTY, records)

    def check(self, client: Client, extra: bytes = b"") -> Result:
        """The result for a client."""
        asking = check(client, extra)
        try:
            questions = next(asking)
            while True:
                questions = asking.send(tuple(map(self.answer, questions)))
        except StopIteration as end:
            result: Result = end.value
            return result


def record(text: str) -> dict[str, tuple[object, ...] | None]:
    """A name with this policy and an unrelated text."""
    return {Kind.TXT: (b"hello", text.encode("latin-1"))}


def result(
    text: str, ip: str = "192.0.2.1", sender: str = "joe@a.example", **others: dict[str, tuple[object, ...] | None]
) -> Result:
    """What comes of a policy of a.example; names of others end in .example as well, `_` being a dot."""
    names: Names = {"a.example": record(text)}
    for name, records in others.items():
        names.setdefault(f"{name.replace('_', '.')}.example", {}).update(records)
    return Dns(names).check(Client(ip.encode(), sender.encode(), b"mx.a.example"))
