"""The rules about clients, as they stand in control/ now."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from qmtwist.control import rulesfiles
from qmtwist.control.rulesfiles import RulesFile
from qmtwist.mail.errors import Malformed
from qmtwist.rules.peers import NOBODY, Peers

LOOK_S = 1.0  # the files are looked at no oftener


class PeerRules:
    """The rules of one service. Made by its `Door`, anew at every reload.

    A file that cannot be read or understood leaves the rules as they were, and a line in the log; none means no rules.
    """

    def __init__(self, directory: str | None, service: str, clock: IReactorTime, log: Callable[[bytes], None]) -> None:
        """:raises OSError: a file is there and cannot be read. :raises Malformed: it cannot be understood."""
        self._directory = directory
        self._service = service
        self._clock = clock
        self._log = log
        self._said = ""
        self._looked = clock.seconds()
        self._file = self._find()
        try:
            self._rules, self._is_own = _read(self._file)
        except Malformed as bad:
            assert self._file is not None
            raise Malformed(f"control/{self._file.name}: {bad.text}") from bad

    def now(self) -> tuple[Peers, bool]:
        """The rules, and whether they are those of this service alone."""
        moment = self._clock.seconds()
        if not 0 <= moment - self._looked < LOOK_S:
            self._looked = moment
            self._look()
        return self._rules, self._is_own

    def _look(self) -> None:
        try:
            found = self._find()
            if found != self._file:
                self._file = found  # if it is no good now, it will be read again when it has changed
                self._rules, self._is_own = _read(found)
                count = len(self._rules.records) + sum(len(table) for _, _, table in self._rules.blocks)
                self._say(f"control/{found.name}: {count} rules now" if found else "no control/tcprules any more")
        except (OSError, Malformed) as trouble:
            name = "tcprules" if self._file is None else self._file.name
            self._say(f"warning: control/{name}: {trouble}; the old rules stay")

    def _find(self) -> RulesFile | None:
        return None if self._directory is None else rulesfiles.find(self._directory, self._service)

    def _say(self, text: str) -> None:
        if text != self._said:  # not once a second for a link to nothing
            self._said = text
            self._log(f"{self._service}: {text}".encode("utf-8", "surrogateescape"))


def _read(file: RulesFile | None) -> tuple[Peers, bool]:
    return (NOBODY, False) if file is None else (rulesfiles.read(file.path), file.is_own)
