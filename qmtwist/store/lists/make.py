"""Lay down a new list. (ezmlm-make)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterable, Mapping
from qmtwist.store.durable import create, sync_directory


def make(
    directory: str, dot: str, folders: Iterable[str], files: Mapping[str, bytes], links: Mapping[str, str]
) -> None:
    """The directory with its files, then the .qmail files: `links` has what is put behind `dot` for each of them.

    :raises Temporary: it cannot be made, for example because there is one; nothing of it is left.
    """
    made: list[str] = []
    try:
        _make(directory, dot, folders, files, links, made)
    except BaseException as error:
        for path in reversed(made):
            with suppress(OSError):
                os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        if isinstance(error, OSError):
            what = os.fsdecode(error.filename2 or error.filename or directory)
            raise Temporary(f"unable to create {what}: {reason(error).decode()}") from error
        raise


def _make(
    directory: str,
    dot: str,
    folders: Iterable[str],
    files: Mapping[str, bytes],
    links: Mapping[str, str],
    made: list[str],
) -> None:
    """`made` gets the path of everything that there is so far. The links come last: mail comes when they are there."""
    for path in (directory, *[f"{directory}/{folder}" for folder in folders]):
        os.mkdir(path, 0o700)
        made.append(path)
    for name, data in files.items():
        create(f"{directory}/{name}", data)
        made.append(f"{directory}/{name}")
    for folder in folders:
        sync_directory(f"{directory}/{folder}")
    sync_directory(directory)
    sync_directory(os.path.dirname(directory.rstrip("/")))
    for behind, name in links.items():
        os.symlink(f"{directory}/{name}", dot + behind)
        made.append(dot + behind)
    sync_directory(os.path.dirname(dot) or ".")
