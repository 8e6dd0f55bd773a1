"""Lay down a new list, or change one. (ezmlm-make)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Permanent, Temporary, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterable, Mapping, NamedTuple
from qmtwist.store.durable import create, sync_directory, unlink_quietly

from .files import read_if_there, rewrite


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


class Change(NamedTuple):
    """What becomes of a list that is there: of `files`, the ones in `keep` stay as they are, and the ones in `aside`
    are kept under another name when they change; `gone` are removed.
    """

    folders: tuple[str, ...]
    files: Mapping[str, bytes]
    links: Mapping[str, str]
    keep: frozenset[str]
    aside: tuple[str, ...]
    gone: tuple[str, ...]


def remake(directory: str, dot: str, change: Change) -> None:
    """Change a list; each file in one step, the .qmail files last.

    :raises Permanent: a .qmail file is none of ours; nothing has changed.
    :raises Temporary: some of it has changed, and the rest when it is done again.
    """
    try:
        for behind in change.links:
            if os.path.lexists(dot + behind) and not os.path.islink(dot + behind):
                raise Permanent(f"{dot + behind} is no link; remove it first")
        for folder in change.folders:
            with suppress(FileExistsError):
                os.mkdir(f"{directory}/{folder}", 0o700)
        for name, data in change.files.items():
            _change(f"{directory}/{name}", data, name in change.keep, name in change.aside)
        for name in change.gone:
            unlink_quietly(f"{directory}/{name}")
        sync_directory(directory)
        for behind, name in change.links.items():
            _link(f"{directory}/{name}", dot + behind)
        sync_directory(os.path.dirname(dot) or ".")
    except OSError as error:
        what = os.fsdecode(error.filename2 or error.filename or directory)
        raise Temporary(f"unable to change {what}: {reason(error).decode()}") from error


def _change(path: str, data: bytes, is_kept: bool, is_put_aside: bool) -> None:
    old = read_if_there(path)
    if old == data or (is_kept and old is not None):
        return
    if is_put_aside and old is not None:
        rewrite(path + ".old", path + ".new", old, 0o600)
    rewrite(path, path + ".new", data, 0o600)


def _link(target: str, path: str) -> None:
    if os.path.islink(path) and os.readlink(path) == target:
        return
    unlink_quietly(path + ".new")
    os.symlink(target, path + ".new")
    os.rename(path + ".new", path)
