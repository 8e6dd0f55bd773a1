"""Programs of ours that a delivery runs without starting another Python.

`|preline procmail` and `|forward joe@host` stand in many .qmail files. /bin/sh and a new Python take longer than the
work itself, and the process of the delivery has loaded all that is needed. So a command of plain words is carried out
there if its program is one of those below, and if what the shell would find along PATH is our launcher, unchanged, for
this package and this home. For everything else there is the shell. The program and its children see what they would see
behind a shell that has become the launcher.
"""

from __future__ import annotations

import _locale
import gc
import os
import stat
import sys
import time

from qmtwist.agents.pathexec import IGNORED, candidates
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, Mapping, NoReturn
from qmtwist.store.signals import signal

from .launch import find_home, leave, load
from .launcher import Command, launcher_text, package_paths
from .registry import PROGRAMS

FIT = (
    "bouncesaying", "condredirect", "dot-forward", "except", "fastforward", "forward", "iftocc", "preline", "qbiff",
    "qmail-procmail", "qreceipt", "vacation",
)  # fmt: skip
"""They take everything from their arguments, os.environb, the current directory and descriptors 0, 1 and 2."""

_LATER = (
    "agents.alias.dotforward", "agents.alias.forwarding", "agents.alias.ran", "agents.pathexec",
    "agents.submit.submission", "mail.addresstokens", "mail.reasons", "rules.aliaswords",
)  # fmt: skip
"""What some of them import when they need it."""

_ENVIRONMENT_LIMIT_BYTES = 65_536  # less than any system takes


def load_programs() -> None:
    """Load them all, for a process that will fork for each delivery."""
    for name in FIT:
        load(name, "")
    for name in _LATER:
        __import__("qmtwist." + name)


class Inside:
    """Knows them for the processes of one home. It is made by one of our programs that a launcher has started."""

    def __init__(self, home: str) -> None:
        command = Command(sys.executable, tuple(package_paths()))
        self._home = home
        self._launchers = {os.fsencode(name): os.fsencode(launcher_text(name, home, command)) for name in FIT}

    def find(self, words: list[bytes], environ: Mapping[bytes, bytes]) -> Callable[[], NoReturn] | None:
        """agents.local.program.Inside"""
        name = words[0].rpartition(b"/")[2]
        launcher = self._launchers.get(name)
        if launcher is None or words[1:] == [b"--help"] or not _is_usual(environ):
            return None
        if not _is_what_the_shell_finds(words[0], environ, launcher):
            return None
        return lambda: _run(os.fsdecode(name), words[1:], environ, self._home)


def _is_usual(environ: Mapping[bytes, bytes]) -> bool:
    """Whether another program could be started with this environment."""
    values = b"".join(environ.values())
    return b"\0" not in values and len(values) < _ENVIRONMENT_LIMIT_BYTES


def _is_what_the_shell_finds(word: bytes, environ: Mapping[bytes, bytes], launcher: bytes) -> bool:
    """Whether the first place that has a program of this name has this text; no, if there is anything unusual."""
    for place in candidates(word, environ):
        if not place.startswith(b"/") or b"%" in place:  # dash has a use for that in PATH
            return False
        try:
            status = os.stat(place)
        except FileNotFoundError:
            continue
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or not os.access(place, os.X_OK):
            return False
        return status.st_size == len(launcher) and _content(place, len(launcher)) == launcher
    return False


def _content(path: bytes, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def _run(name: str, arguments: list[bytes], environ: Mapping[bytes, bytes], home: str) -> NoReturn:
    """The rest of this process. (launch.run)"""
    gc.freeze()  # what is here may own descriptors, whose numbers are others' now
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    _replace_environment(environ)
    signal.set_wakeup_fd(-1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    place = "" if "qmtwist.cli." + PROGRAMS[name] in sys.modules else PROGRAMS[name]  # a bundle takes time to read
    leave(lambda: load(name, place).main(arguments, find_home(home)))


def _replace_environment(environ: Mapping[bytes, bytes]) -> None:
    """As it is behind the shell, which sets PWD, and in a new Python, which makes the C locale understand UTF-8."""
    wanted = dict(environ)
    with suppress(FileNotFoundError):  # it is gone already
        wanted[b"PWD"] = os.getcwdb()
    if not environ.get(b"LC_ALL") and _is_c_locale(environ.get(b"LC_CTYPE") or environ.get(b"LANG")):
        wanted[b"LC_CTYPE"] = b"C.UTF-8"
    mine = os.environb
    for name in mine.keys() - wanted.keys():
        del mine[name]
    for name, value in wanted.items():
        if mine.get(name) != value:
            mine[name] = value
    time.tzset()


def _is_c_locale(name: bytes | None) -> bool:
    """So is one that is not installed."""
    if not name:
        return True
    try:
        return _locale.setlocale(_locale.LC_CTYPE, os.fsdecode(name)) == "C"
    except _locale.Error:  # type: ignore[attr-defined]
        return True
