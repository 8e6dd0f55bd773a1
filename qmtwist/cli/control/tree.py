"""What a home consists of: directories and queue files, their owners and modes. `setup` makes it, `check` compares.

The part below HOME/queue and HOME/alias belongs to users with few rights. Root works there without following symbolic
links: each step is opened from the one above it, so that nobody can turn our chown towards a file elsewhere.
"""

from __future__ import annotations

import fcntl
import os
import stat

from qmtwist.mail.shapes import NamedTuple
from qmtwist.store.queue.layout import SPLIT, SPLIT_DIRECTORIES

from .accounts import Accounts

NULL_CLIENT_TOP = ("bin", "control", "doc", "man")
TOP = ("alias", "bin", "boot", "control", "doc", "man", "queue", "run", "users")
TCPTO_BYTES = 1024
TCPTO6_BYTES = 2048


class Entry(NamedTuple):
    """One directory, file or fifo: `top` is a directory of the home, `below` the path in it, `""` for itself."""

    top: str
    below: str
    kind: str  # directory, file or fifo
    mode: int
    user: str = "root"
    group: str = "qmail"
    content: bytes = b""
    is_fixed: bool = True  # owner and mode must be exactly these; else they are only the first ones

    @property
    def path(self) -> str:
        """Below the home."""
        return f"{self.top}/{self.below}" if self.below else self.top


class Owner(NamedTuple):
    """The numbers for users and groups: the accounts of a home that root runs, else one ordinary user for all."""

    accounts: Accounts
    single: tuple[int, int] | None
    is_lent: bool = False  # what is qmails' belongs to qmailq, who runs the server (see `is_lent`)

    def of(self, entry: Entry) -> tuple[int, int]:
        """uid and gid that an entry should have."""
        if self.single:
            return self.single
        user = "qmailq" if self.is_lent and entry.user == "qmails" else entry.user
        return (0 if user == "root" else self.accounts.uid(user)), self.accounts.gid(entry.group)


def is_lent(home: str, accounts: Accounts) -> bool:
    """Whether a server that root started has the queue, or was killed while it had it.

    It takes what belongs to qmails when it starts, and gives it back when it stops; until then nobody else may.
    """
    mutex = f"{home}/queue/lock/sendmutex"
    try:
        if os.stat(mutex).st_uid != accounts.uid("qmailq"):
            return False
        if os.listdir(f"{home}/queue/journal"):
            return True
        with open(mutex, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def entries(is_null_client: bool = False) -> list[Entry]:
    """The whole tree, parents first. (spec of modes: qmail's hier.c)"""
    top = NULL_CLIENT_TOP if is_null_client else TOP
    tree = [
        Entry(name, "", "directory", 0o755, is_fixed=False) for name in top if name not in ("alias", "queue", "run")
    ]
    tree += [Entry("man", f"man{section}", "directory", 0o755, is_fixed=False) for section in (1, 5, 7, 8)]
    if is_null_client:
        return tree
    tree.append(Entry("alias", "", "directory", 0o2755, "alias"))
    tree.append(Entry("run", "", "directory", 0o755, "qmailq"))
    tree.append(Entry("queue", "", "directory", 0o750, "qmailq"))
    for name, mode, user in (
        ("pid", 0o700, "qmailq"),
        ("intd", 0o700, "qmailq"),
        ("todo", 0o750, "qmailq"),
        ("lock", 0o750, "qmailq"),
        ("journal", 0o700, "qmailq"),
        ("bounce", 0o700, "qmails"),
        ("mess", 0o750, "qmailq"),
        ("info", 0o700, "qmails"),
        ("local", 0o700, "qmails"),
        ("remote", 0o700, "qmails"),
    ):
        tree.append(Entry("queue", name, "directory", mode, user))
        if name in SPLIT_DIRECTORIES:
            tree += [Entry("queue", f"{name}/{part}", "directory", mode, user) for part in range(SPLIT)]
    tree.append(Entry("queue", "lock/tcpto", "file", 0o644, "qmailr", content=bytes(TCPTO_BYTES)))
    tree.append(Entry("queue", "lock/tcpto6", "file", 0o644, "qmailr", content=bytes(TCPTO6_BYTES)))
    tree.append(Entry("queue", "lock/sendmutex", "file", 0o600, "qmails"))
    tree.append(Entry("queue", "lock/trigger", "fifo", 0o622, "qmails"))
    return tree


# -- looking


def open_parent(home: str, entry: Entry) -> tuple[int, str]:
    """A descriptor of the directory that holds an entry, and its name in there.

    The top directories of a home may be symbolic links (HOME/queue on another disk); nothing below them may.

    :raises OSError: a step is missing or not a directory.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not entry.below:
        return descriptor, entry.top
    *steps, name = entry.below.split("/")
    for number, step in enumerate([entry.top, *steps]):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if number else 0)
        try:
            below = os.open(step, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor, name


def status(home: str, entry: Entry) -> os.stat_result | None:
    """What is there; None if nothing is.

    :raises OSError: it cannot be told.
    """
    try:
        parent, name = open_parent(home, entry)
    except FileNotFoundError:
        return None
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=not entry.below)
    except FileNotFoundError:
        return None
    finally:
        os.close(parent)


def is_kind(entry: Entry, found: os.stat_result) -> bool:
    """Whether it is the directory, file or fifo that it should be."""
    return {"directory": stat.S_ISDIR, "file": stat.S_ISREG, "fifo": stat.S_ISFIFO}[entry.kind](found.st_mode)


# -- making


def complete(home: str, entry: Entry, owner: Owner) -> bool:
    """Make an entry if it is missing, and give it owner and mode; whether anything had to be done.

    :raises OSError: it could not be made, or something of another kind is in its place (NotADirectoryError, or
        FileExistsError).
    """
    found = status(home, entry)
    if found is None:
        _make(home, entry)
        found = status(home, entry)
        is_new = True
    else:
        is_new = False
    if found is None or not is_kind(entry, found):
        raise FileExistsError(f"is not a {entry.kind}")
    if not (is_new or entry.is_fixed):
        return False
    uid, gid = owner.of(entry) if os.geteuid() == 0 else (found.st_uid, found.st_gid)
    if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, entry.mode):
        return is_new
    _give(home, entry, uid, gid)
    return True


def _make(home: str, entry: Entry) -> None:
    if not entry.below and os.path.islink(f"{home}/{entry.top}"):
        os.makedirs(os.path.realpath(f"{home}/{entry.top}"))  # `ln -s /etc/qmail control` came before mkdir
        return
    parent, name = open_parent(home, entry)
    try:
        if entry.kind == "directory":
            os.mkdir(name, 0o700, dir_fd=parent)
        elif entry.kind == "fifo":
            os.mkfifo(name, 0o600, dir_fd=parent)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(name, flags, 0o600, dir_fd=parent), "wb") as stream:
                stream.write(entry.content)
    finally:
        os.close(parent)


def _give(home: str, entry: Entry, uid: int, gid: int) -> None:
    """Owner and mode, by descriptor: what was looked at is what is changed."""
    parent, name = open_parent(home, entry)
    try:
        # O_NONBLOCK: opening a fifo must not wait for a writer
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if entry.below else 0)
        descriptor = os.open(name, flags, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        if not is_kind(entry, os.fstat(descriptor)):
            raise FileExistsError(f"is not a {entry.kind}")
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, entry.mode)
    finally:
        os.close(descriptor)
