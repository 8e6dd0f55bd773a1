"""The secret of this server by which it knows its own links for leaving lists."""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress

from .durable import read, sync_directory, write_all

_BYTES = 32


def server_secret(path: str) -> bytes:
    """64 letters, made when they are first asked for.

    :raises OSError: they can be neither read nor made.
    """
    with suppress(FileNotFoundError):
        found = read(path).strip()
        if found:
            return found
    secret = os.urandom(_BYTES).hex().encode()
    temporary = path + ".new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, secret + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_directory(os.path.dirname(path))
    return secret
