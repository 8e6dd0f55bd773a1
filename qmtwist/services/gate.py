"""What must hold before the server starts, checked in order; what does not ends the start with its reason."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterable

from qmtwist.control.accounts import SystemAccount, system_account
from qmtwist.store.queue.layout import Layout, missing
from qmtwist.store.queue.owners import hand_over

LOCK_TRIES, LOCK_PAUSE_S = 20, 0.1


class Refusal(Exception):
    """The server cannot start: `why` in qmail-send's words, `details` for the person who mends it."""

    def __init__(self, why: str, *details: str) -> None:
        super().__init__(why)
        self.why = why
        self.details = details


def check_home(home: str) -> None:
    """There is a home with a queue.

    :raises Refusal: there is not.
    """
    if not os.path.isdir(home):
        raise Refusal("unable to switch to home directory", f"{home} is no directory")
    lacking = missing(f"{home}/queue")
    if lacking:
        raise Refusal("unable to switch to queue directory", f"queue/{lacking[0]} is missing; run qmtwist setup")


def whom_root_becomes(home: str) -> SystemAccount | None:
    """qmailq, or on a machine without mail accounts the owner of the queue; None: we are not root.

    :raises Refusal: that would be root.
    """
    if os.geteuid() != 0:
        return None
    account = system_account("qmailq")
    if account is None:
        status = os.stat(f"{home}/queue")
        account = SystemAccount(status.st_uid, status.st_gid)
    if account.uid == 0:
        raise Refusal(
            "no account qmailq", "the server does not run as root; qmtwist setup says which accounts it wants"
        )
    return account


def take_queue(layout: Layout, account: SystemAccount | None) -> None:
    """As root: what belongs to qmails in qmail's queue is ours while we run.

    :raises Refusal: the queue cannot be read.
    """
    sender = system_account("qmails")
    if account is None or sender is None:
        return
    try:
        hand_over(layout.queue, sender.uid, account.uid)
        os.makedirs(layout.journal, mode=0o700, exist_ok=True)
        os.chown(layout.journal, account.uid, account.gid)
    except OSError as error:
        raise Refusal("unable to take the queue over", str(error)) from error


def lock(layout: Layout) -> tuple[int, ...]:
    """The mutex of the queue, held as long as these descriptors are open.

    qmail's mutex is a file, which somebody may remove or replace while we run; its directory is locked, too.

    :raises Refusal: somebody else holds it.
    """
    directory = os.path.dirname(layout.sendmutex)
    held: list[int] = []
    try:
        held.append(os.open(layout.sendmutex, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        held.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        unlock(held)
        raise Refusal("unable to open mutex", str(error)) from error
    for _ in range(LOCK_TRIES):
        if all(map(_take, held)):
            return tuple(held)
        time.sleep(LOCK_PAUSE_S)  # the agent of a server that was killed may be giving the queue back
    unlock(held)
    raise Refusal("qmail-send is already running")


def clear_socket(endpoint: str) -> str:
    """Remove the socket of a `unix:` endpoint that a server left which was killed; the endpoint to listen on.

    Twisted would know the old server by a process id, which may be somebody else's by now.
    """
    words = endpoint.split(":")
    path = next((word.removeprefix("address=") for word in words[1:] if "=" not in word or word[:8] == "address="), "")
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
        if path and stat.S_ISSOCK(os.lstat(path).st_mode):
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
    return endpoint if "lockfile=" in endpoint else f"{endpoint}:lockfile=0"


def unlock(held: Iterable[int]) -> None:
    """Another server may have the queue."""
    for descriptor in held:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
