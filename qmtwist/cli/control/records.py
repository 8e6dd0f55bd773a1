"""HOME/setup.record: kept on disk, each line before what it tells of is done. Root alone writes and believes it."""

from __future__ import annotations

import fcntl
import os

from qmtwist.rules.machine import record
from qmtwist.rules.machine.record import Fact
from qmtwist.store import durable

from . import trust

NAME = "setup.record"


class Unusable(Exception):
    """A record that cannot be believed, in a sentence."""


class Record:
    """What setup made of this machine for one home. `facts` are in the order in which they were made."""

    def __init__(self, home: str, is_trial: bool = False) -> None:
        """With `is_trial` nothing is written.

        :raises Unusable: the file is no record, or others than root could have written it.
        :raises OSError: it cannot be read.
        """
        self.path = f"{home}/{NAME}"
        self._is_trial = is_trial
        self.facts: list[Fact] = []
        if not os.path.lexists(self.path):
            return
        if reason := trust.changeable_step(self.path):
            raise Unusable(f"{self.path} cannot be believed: {reason}")
        with open(self.path, encoding="utf-8", errors="surrogateescape") as stream:
            try:
                self.facts = record.parse(stream.read())
            except ValueError as trouble:
                raise Unusable(f"{self.path}: {trouble}") from trouble

    def lock(self) -> None:
        """Nobody else puts something in or takes it back until this process ends. The home is there.

        :raises Unusable: somebody does.
        """
        if self._is_trial:
            return
        self._lock = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"another setup is at work in {os.path.dirname(self.path)}") from None

    def note(self, kind: str, *words: str) -> None:
        """Something that is about to be done, or more about what was."""
        fact = Fact(kind, words)
        if fact not in self.facts:
            self._keep(record.with_fact(self.facts, fact))

    def forget(self, fact: Fact) -> None:
        """It is taken back."""
        self._keep(record.without(self.facts, fact))

    def of_kind(self, kind: str) -> list[Fact]:
        """The facts of one kind, in their order."""
        return record.of_kind(self.facts, kind)

    def remove(self) -> None:
        """Everything is taken back."""
        self.facts = []
        if not self._is_trial:
            durable.unlink_quietly(self.path)

    def _keep(self, facts: list[Fact]) -> None:
        self.facts = facts
        if not self._is_trial:
            durable.replace(self.path, record.form(facts).encode("utf-8", "surrogateescape"))
