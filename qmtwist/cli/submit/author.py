"""What the environment of qmail-inject and new-inject says about who writes, and which lists he is on."""

from __future__ import annotations

import os

from qmtwist.control.grammar import parse_list
from qmtwist.mail.shapes import Mapping
from qmtwist.rules.inject import Person
from qmtwist.store.durable import read


def person(environ: Mapping[bytes, bytes]) -> Person:
    """The first variable of each kind that is set, even to nothing."""

    def first(*names: bytes) -> bytes | None:
        return next((environ[name] for name in names if name in environ), None)

    user = first(b"QMAILUSER", b"MAILUSER", b"USER", b"LOGNAME")
    user = b"anonymous" if user is None else user
    host = first(b"QMAILHOST", b"MAILHOST")
    name = first(b"QMAILNAME", b"MAILNAME", b"NAME")
    return Person(user, host, name, environ.get(b"QMAILSUSER", user), environ.get(b"QMAILSHOST", host))


def mailing_lists(environ: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """The addresses in QMAILMFTFILE, in lower case; a file that is not there lists none.

    :raises OSError: it is there and cannot be read.
    """
    path = environ.get(b"QMAILMFTFILE")
    if path is None:
        return frozenset()
    try:
        return frozenset([line.lower() for line in parse_list(read(os.fsdecode(path)))])
    except FileNotFoundError:
        return frozenset()
