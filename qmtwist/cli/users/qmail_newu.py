"""qmail-newu: prepare address assignments for the local agent

    qmail-newu

Reads users/assign in the mail home and writes the assignments to users/cdb, which is looked up from then on; no
restart is needed. When the file has a mistake users/cdb stays as it is. See qmail-users(5) for the format.

Exit status: 0, or 111 with a message.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator
from qmtwist.rules.users import assign_records
from qmtwist.store import cdb
from qmtwist.store.durable import write_all

_SOURCE, _TARGET, _TEMPORARY = "users/assign", "users/cdb", "users/cdb.tmp"


class _Fatal(Exception):
    pass


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as by qmail."""
    try:
        _make(home)
    except _Fatal as fatal:
        write_all(2, b"qmail-newu: fatal: %s\n" % str(fatal).encode("ascii"))
        return 111
    return 0


def _make(home: str) -> None:
    os.umask(0o033)
    try:
        os.chdir(home)
    except OSError:
        raise _Fatal("unable to chdir")
    lines = _read()
    try:
        cdb.write(_TARGET, _TEMPORARY, list(assign_records(lines)))
    except MemoryError:
        raise _Fatal("out of memory")
    except Malformed:
        _leave_temporary()
        raise _Fatal(f"bad format in {_SOURCE}")
    except OSError as error:
        if error.filename2 is not None:
            raise _Fatal(f"unable to move {_TEMPORARY} to {_TARGET}")
        raise _Fatal(f"unable to {'open' if error.filename == _TEMPORARY else 'write'} {_TEMPORARY}")


def _read() -> list[bytes]:
    try:
        stream = open(_SOURCE, "rb")
    except OSError:
        raise _Fatal(f"unable to open {_SOURCE}")
    try:
        with stream:
            return list(_up_to_the_dot(stream))
    except OSError:
        raise _Fatal(f"unable to read {_SOURCE}")


def _up_to_the_dot(stream: Iterator[bytes]) -> Iterator[bytes]:
    for line in stream:
        yield line
        if line.startswith(b"."):
            return


def _leave_temporary() -> None:
    """qmail leaves an unfinished users/cdb.tmp behind when the format is bad; scripts look for it."""
    try:
        open(_TEMPORARY, "wb").close()
    except OSError:
        raise _Fatal(f"unable to open {_TEMPORARY}")
