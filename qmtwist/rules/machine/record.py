"""What `qmtwist setup --system` has made on this machine: HOME/setup.record, by which `--remove` takes it back.

A line for each thing, in the order in which it was made; words as a shell reads them. It is written before the thing
is done, so a line may tell of something that is not there, and never the other way round.

    directory PATH               made, above or at the home
    home PATH                    the home was not there before
    group NAME [GID]             made; without its number it was about to be made
    user NAME [UID]              likewise
    replaced PACKAGE             another mail server, which the postmaster wants replaced
    service NAME WHAT            stopped and disabled; what it was: enabled, active, both with a comma, or neither
    kept PATH ASIDE MODE         moved aside; the mode that it had, in octal, or `same` if it has it still
    diverted PATH ASIDE          what its package brings for PATH goes to ASIDE (dpkg-divert)
    link PATH TARGET             a symbolic link
    file NAME SHA256             a file below the home with the contents that setup gave it
"""

from __future__ import annotations

import shlex

from qmtwist.mail.shapes import NamedTuple

KEEPS = "same"
WORDS = {
    "directory": (1, 1),
    "home": (1, 1),
    "group": (1, 2),
    "user": (1, 2),
    "replaced": (1, 1),
    "service": (2, 2),
    "kept": (3, 3),
    "diverted": (2, 2),
    "link": (2, 2),
    "file": (2, 2),
}
"""How many words follow each kind, at least and at most."""


class Fact(NamedTuple):
    """One line."""

    kind: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is about: no two facts of a kind have the same."""
        return self.words[0]


def parse(text: str) -> list[Fact]:
    """The lines of a record.

    :raises ValueError: this is none; it names the line.
    """
    facts = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            kind, *words = shlex.split(line)
            least, most = WORDS[kind]
        except (ValueError, KeyError):
            raise ValueError(f"line {number} is not understood: {line!r}") from None
        if not least <= len(words) <= most:
            raise ValueError(f"line {number} has {len(words)} words after its first: {line!r}")
        facts.append(Fact(kind, tuple(words)))
    return facts


def form(facts: list[Fact]) -> str:
    """The text of a record.

    >>> form([Fact("link", ("/usr/sbin/sendmail", "/var/my mail/bin/sendmail"))])
    "link /usr/sbin/sendmail '/var/my mail/bin/sendmail'\\n"
    """
    return "".join(f"{shlex.join((fact.kind, *fact.words))}\n" for fact in facts)


def with_fact(facts: list[Fact], fact: Fact) -> list[Fact]:
    """The facts with this one: in the place of the one about the same thing, else at the end."""
    same = [(known.kind, known.name) == (fact.kind, fact.name) for known in facts]
    if any(same):
        return [fact if is_same else known for known, is_same in zip(facts, same, strict=True)]
    return [*facts, fact]


def without(facts: list[Fact], fact: Fact) -> list[Fact]:
    """The facts but this one."""
    return [known for known in facts if known != fact]


def of_kind(facts: list[Fact], kind: str) -> list[Fact]:
    """Those of one kind, in their order."""
    return [fact for fact in facts if fact.kind == kind]
