"""What is in a home: the settings that setup gave it, and mail."""

from __future__ import annotations

import hashlib
import os
import stat

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterator
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.scan import scan_mess, scan_todo

SETTINGS = ("control", "users", "alias")


def settings(home: str) -> dict[str, str]:
    """The regular files below control, users and alias, by their names below the home, with a digest of each."""
    return {name: digest(f"{home}/{name}") for name in sorted(_regular_files(home))}


def _regular_files(home: str) -> Iterator[str]:
    for top in SETTINGS:
        for place, _, names in os.walk(f"{home}/{top}"):
            for name in names:
                path = os.path.join(place, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    yield os.path.relpath(path, home)


def digest(path: str) -> str:
    """SHA-256 of a file's contents; links are not followed.

    :raises OSError: it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def queued(home: str) -> int:
    """How many messages are in the queue, in files or in the journal that a server left which did not end well."""
    layout = Layout(f"{home}/queue")
    numbers: set[object] = set()
    with suppress(FileNotFoundError):
        numbers.update(scan_mess(layout))
    with suppress(FileNotFoundError):
        numbers.update(scan_todo(layout))
    with suppress(FileNotFoundError):
        numbers.update(
            name for name in os.listdir(f"{home}/queue/journal") if os.stat(f"{home}/queue/journal/{name}").st_size
        )
    return len(numbers)


def mailboxes(home: str) -> list[str]:
    """What is in alias that is no .qmail file: mail has been delivered there, or a list lives there."""
    with suppress(FileNotFoundError):
        return [f"{home}/alias/{name}" for name in sorted(os.listdir(f"{home}/alias")) if not name.startswith(".qmail")]
    return []


def owners(directory: str) -> set[int]:
    """The uids to which something in a directory belongs; nothing if there is none."""
    found = set()
    for place, directories, names in os.walk(directory):
        for name in (".", *directories, *names):
            with suppress(FileNotFoundError):
                found.add(os.lstat(os.path.join(place, name)).st_uid)
    return found
