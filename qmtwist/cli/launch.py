"""The way into every small program: find the home, import one module, run it, leave quickly.

The launchers in HOME/bin call `run` under `python -I -S`: no site packages are scanned, and neither the caller's
environment nor the directory it is in changes what Python imports. The set-uid qmail-queue relies on that; it also
gets an empty environment (see `control.elf`). `NAME --help` prints the program's manual, the docstring of its module.
"""

from __future__ import annotations

import gc
import os
import sys

from qmtwist.mail.shapes import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import ModuleType

DEFAULT_HOME = "/var/qmail"


def find_home(own: str | None) -> str:
    """QMTWIST_HOME, else the home the launcher belongs to, else /var/qmail.

    A set-uid program does not believe its caller's environment.
    """
    is_setuid = os.geteuid() != os.getuid() or os.getegid() != os.getgid()
    asked = None if is_setuid else os.environ.get("QMTWIST_HOME")
    return asked or own or DEFAULT_HOME


def _load(name: str, place: str) -> ModuleType:
    """The module of a program: where the launcher says that it is, or where the registry does."""
    if place:
        try:
            __import__("qmtwist.cli." + place)  # importlib itself would bring another two modules
            return sys.modules["qmtwist.cli." + place]
        except ModuleNotFoundError:  # it was moved after the launcher was made
            pass
    from .registry import PROGRAMS

    __import__("qmtwist.cli." + PROGRAMS[name])
    return sys.modules["qmtwist.cli." + PROGRAMS[name]]


def _call(name: str, place: str, arguments: list[bytes], home: str) -> int:
    """The program itself, or its manual if that is all that was asked for."""
    module = _load(name, place)
    if arguments == [b"--help"]:
        print((module.__doc__ or name).strip())
        return 0
    status: int = module.main(arguments, home)
    return status


def run(name: str, own_home: str | None, place: str = "") -> NoReturn:
    """Run a registered program and end the process with its exit status. `place`: its module, if that is known."""
    status = 111
    gc.set_threshold(20_000)  # what imports make stays; looking through it would take a tenth of a millisecond
    try:
        status = _call(name, place, [os.fsencode(word) for word in sys.argv[1:]], find_home(own_home))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 111
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # a bug: say so on stderr, and let the caller treat it as temporary
        import traceback

        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # its descriptor was closed when we were started
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 111
    os._exit(status)
