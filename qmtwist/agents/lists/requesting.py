"""The command in a message to LIST-request. (ezmlm-request)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists.heading import value
from qmtwist.rules.lists.request import action, said
from qmtwist.store.lists.directory import ListDirectory

from .incoming import Incoming

_BODY_BYTES = 10_000  # in which a command may stand


def requested(place: ListDirectory) -> bytes:
    """What the message on descriptor 0 asks for, as an address would; the message is at its beginning again after that.

    :raises Permanent: its header is too long.
    :raises Temporary: it cannot be read, or not again.
    """
    incoming = Incoming()
    subjects = [value(field) for field in incoming.fields if field.name == b"subject"]
    body = next(incoming.rest(), b"")[:_BODY_BYTES]
    try:
        os.lseek(0, 0, os.SEEK_SET)
    except OSError as error:
        raise Temporary("unable to read message again") from error
    return action(said(subjects[0] if subjects else b"", body), place.line("outlocal"), place.line("outhost"))
