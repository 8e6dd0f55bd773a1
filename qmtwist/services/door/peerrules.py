"""The rules about clients, as they stand in control/ now."""

from __future__ import annotations

from collections.abc import Callable, Generator

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from qmtwist.control import rulesfiles
from qmtwist.control.rulesfiles import RulesFile
from qmtwist.mail.errors import Malformed
from qmtwist.rules.peers import NOBODY, Peers

LOOK_S = 1.0  # the files are looked at no oftener
SLICE = 64  # records that are read in one turn of the reactor: less than a millisecond


class PeerRules:
    """The rules of one service. Made by its `Door`.

    A file that has changed is read in slices, between which the sessions go on; until it is read completely the old
    rules count. One that cannot be read or understood leaves them as they were, and a line in the log; no file means no
    rules.
    """

    def __init__(self, directory: str | None, service: str, clock: IReactorTime, log: Callable[[bytes], None]) -> None:
        """:raises OSError: a file is there and cannot be read. :raises Malformed: it cannot be understood."""
        self.directory = directory
        self._service = service
        self._clock = clock
        self._log = log
        self._said = ""
        self._looked = clock.seconds()
        self._reading: Generator[None, None, Peers] | None = None  # of `_file`, which has changed
        self._turn: IDelayedCall | None = None
        self._rules, self._is_own = NOBODY, False
        self._file = self._find()
        if self._file is not None:
            try:
                self._rules, self._is_own = rulesfiles.read(self._file.path), self._file.is_own
            except Malformed as bad:
                raise Malformed(f"control/{self._file.name}: {bad.text}") from bad

    def now(self) -> tuple[Peers, bool]:
        """The rules, and whether they are those of this service alone."""
        if not 0 <= self._clock.seconds() - self._looked < LOOK_S:
            self.look()
        return self._rules, self._is_own

    def look(self) -> None:
        """See whether another file counts, or the same has changed: a short one is read at once."""
        self._looked = self._clock.seconds()
        try:
            found = self._find()
            if found == self._file:
                return
            self.forget()
            self._file = found  # if it is no good now, it will be read again when it has changed
            if found is None:
                self._rules, self._is_own = NOBODY, False
                self._say("no control/tcprules any more")
            else:
                self._reading = rulesfiles.reading(found.path)
                self._read()
        except OSError as trouble:
            self._complain(trouble)

    def forget(self) -> None:
        """What is being read is of no interest any more."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _read(self) -> None:
        """A slice; the next when the reactor has seen to everything else."""
        reading, file = self._reading, self._file
        assert reading is not None and file is not None
        self._turn = None
        try:
            for _ in range(SLICE):
                next(reading)
        except StopIteration as end:
            self._reading = None
            self._rules, self._is_own = end.value, file.is_own
            self._say(f"control/{file.name}: {_count(self._rules)} rules now")
        except (OSError, Malformed) as trouble:
            self._reading = None
            self._complain(trouble)
        else:
            self._turn = self._clock.callLater(0, self._read)

    def _find(self) -> RulesFile | None:
        return None if self.directory is None else rulesfiles.find(self.directory, self._service)

    def _complain(self, trouble: OSError | Malformed) -> None:
        name = "tcprules" if self._file is None else self._file.name
        self._say(f"warning: control/{name}: {trouble}; the old rules stay")

    def _say(self, text: str) -> None:
        if text != self._said:  # not once a second for a link to nothing
            self._said = text
            self._log(f"{self._service}: {text}".encode("utf-8", "surrogateescape"))


def _count(rules: Peers) -> int:
    return len(rules.records) + sum(len(table) for _, _, table in rules.blocks)
