"""Run a qmail-getpw that is not ours, as the user qmailp and the group nofiles. (qmail-lspawn(8), qmail-getpw(8))"""

from __future__ import annotations

import grp
import os
import pwd
import select
import time

from qmtwist.mail.shapes import NoReturn
from qmtwist.rules import localreport
from qmtwist.store.signals import signal

LIMIT_S = 60.0
_LIMIT_BYTES = 1 << 16


def run(path: str, home: str, local: bytes) -> tuple[int, bytes]:
    """Exit status (negative: it crashed or took longer than 60 s) and output of `path LOCAL`."""
    identity = _identity() if os.geteuid() == 0 else None
    if os.geteuid() == 0 and identity is None:
        return localreport.SYSTEM, b""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return localreport.SYSTEM, b""
    if not child:
        _become(path, home, local, writing, identity)
    os.close(writing)
    try:
        output = _read(reading, time.monotonic() + LIMIT_S)
    finally:
        os.close(reading)
    if output is None:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (localreport.SYSTEM, b"") if output is None else (status, output)


def _identity() -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam("qmailp")
    except KeyError:
        return None
    try:
        return entry.pw_uid, grp.getgrnam("nofiles").gr_gid
    except KeyError:
        return entry.pw_uid, entry.pw_gid


def _read(descriptor: int, deadline: float) -> bytes | None:
    """All that comes until the end; None when the time is over or it is too much."""
    output = b""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while len(output) <= _LIMIT_BYTES:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return None
        data = os.read(descriptor, 4096)
        if not data:
            return output
        output += data
    return None


def _become(path: str, home: str, local: bytes, writing: int, identity: tuple[int, int] | None) -> NoReturn:
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(writing, 1)
        os.closerange(3, 65536)
        if identity is not None:
            uid, gid = identity
            os.setgroups([gid])
            os.setgid(gid)
            os.setuid(uid)
            if os.getuid() != uid or uid == 0:
                os._exit(localreport.SYSTEM)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(home)
        os.execve(path, [b"bin/qmail-getpw", local], {b"PATH": b"/usr/bin:/bin", b"QMTWIST_HOME": os.fsencode(home)})
    except BaseException:
        os._exit(localreport.EXEC_GETPW)
