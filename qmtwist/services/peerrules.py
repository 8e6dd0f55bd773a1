"""The rules about clients, as they stand in control/ now: for one service alone, or for all."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from qmtwist.mail.errors import Malformed
from qmtwist.rules import peers
from qmtwist.store import cdb

LOOK_S = 1.0  # the files are looked at no oftener


class RulesFile(NamedTuple):
    """The file that counts, as it was when it was read."""

    path: str
    is_own: bool  # of one service alone
    mark: tuple[int, ...]  # what changes when the file does

    @property
    def name(self) -> str:
        """Its name in control/."""
        return os.path.basename(self.path)


class PeerRules:
    """The rules of one service: control/tcprules.SERVICE, else tcprules.SERVICE.cdb, tcprules, tcprules.cdb. A link to
    a .cdb file is a cdb, too. Made by its `Door`.

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
        self._rules = _read(self._file)

    def now(self) -> tuple[peers.Peers, bool]:
        """The rules, and whether they are those of this service alone."""
        moment = self._clock.seconds()
        if not 0 <= moment - self._looked < LOOK_S:
            self._looked = moment
            self._look()
        return self._rules, self._file is not None and self._file.is_own

    def _look(self) -> None:
        try:
            found = self._find()
            if found != self._file:
                self._file = found  # if it is no good now, it will be read again when it has changed
                self._rules = _read(found)
                count = len(self._rules.records) + sum(len(table) for _, _, table in self._rules.blocks)
                self._say(f"control/{found.name}: {count} rules now" if found else "no control/tcprules any more")
        except (OSError, Malformed) as trouble:
            name = "tcprules" if self._file is None else self._file.name
            self._say(f"warning: control/{name}: {trouble}; the old rules stay")

    def _say(self, text: str) -> None:
        if text != self._said:  # not once a second for a link to nothing
            self._said = text
            self._log(f"{self._service}: {text}".encode("utf-8", "surrogateescape"))

    def _find(self) -> RulesFile | None:
        """:raises OSError: trouble, also with a link to nothing."""
        if self._directory is None:
            return None
        for name in (f"tcprules.{self._service}", "tcprules"):
            for path in (f"{self._directory}/{name}", f"{self._directory}/{name}.cdb"):
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    if os.path.lexists(path):
                        raise
                    continue
                mark = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
                return RulesFile(path, name != "tcprules", mark)
        return None


def _read(file: RulesFile | None) -> peers.Peers:
    if file is None:
        return peers.NOBODY
    name = os.fsencode(file.name)
    if os.path.realpath(file.path).endswith(".cdb"):
        with cdb.Reader(file.path) as reader:
            return peers.from_records(reader.records(), name)
    with open(file.path, "rb") as stream:
        return peers.parse(stream.read().replace(b"\r\n", b"\n"), name)
