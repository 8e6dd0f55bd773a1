"""The files with rules about clients: control/tcprules for all services, control/tcprules.smtp and the like for one."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Generator, NamedTuple
from qmtwist.rules import peers
from qmtwist.store import cdb


class RulesFile(NamedTuple):
    """The file that counts, as it was when it was found."""

    path: str
    is_own: bool  # of one service alone
    mark: tuple[int, ...]  # what changes when the file does

    @property
    def name(self) -> str:
        """Its name in control/."""
        return os.path.basename(self.path)


def find(directory: str, service: str) -> RulesFile | None:
    """The first there is of tcprules.SERVICE, tcprules.SERVICE.cdb, tcprules and tcprules.cdb; None: there is none.

    :raises OSError: trouble, also with a link to nothing.
    """
    for name in (f"tcprules.{service}", "tcprules"):
        for path in (f"{directory}/{name}", f"{directory}/{name}.cdb"):
            try:
                status = os.stat(path)
            except FileNotFoundError:
                if os.path.lexists(path):
                    raise
                continue
            mark = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
            return RulesFile(path, name != "tcprules", mark)
    return None


def read(path: str) -> peers.Peers:
    """The rules in a file: a cdb if it, or what it is a link to, is named so, otherwise a text.

    :raises OSError: it cannot be read. :raises Malformed: it cannot be understood.
    """
    return peers.whole(reading(path))


def reading(path: str) -> Generator[None, None, peers.Peers]:
    """`read`, a step for each record, as `peers.reading`. Raises like it, at any step."""
    name = os.fsencode(os.path.basename(path))
    if os.path.realpath(path).endswith(".cdb"):
        with cdb.Reader(path) as reader:
            return (yield from peers.reading_records(reader.records(), name))
    with open(path, "rb") as stream:
        text = stream.read().replace(b"\r\n", b"\n")
    return (yield from peers.reading(text, name))
