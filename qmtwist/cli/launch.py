"""The way into every small program: find the home, import one module, run it, leave quickly.

The launchers in HOME/bin call `run` under `python -I -S`: no site packages are scanned, and neither the caller's
environment nor the directory it is in changes what Python imports. The set-uid qmail-queue relies on that; it also
gets an empty environment (see `control.elf`). `NAME --help` prints the program's manual, the docstring of its module.
"""

from __future__ import annotations

import os
import sys

from qmtwist.mail.shapes import NoReturn

DEFAULT_HOME = "/var/qmail"


def find_home(own: str | None) -> str:
    """QMTWIST_HOME, else the home the launcher belongs to, else /var/qmail.

    A set-uid program does not believe its caller's environment.
    """
    is_setuid = os.geteuid() != os.getuid() or os.getegid() != os.getgid()
    asked = None if is_setuid else os.environ.get("QMTWIST_HOME")
    return asked or own or DEFAULT_HOME


def _call(name: str, arguments: list[bytes], home: str) -> int:
    """The program itself, or its manual if that is all that was asked for."""
    from .registry import PROGRAMS

    where = "qmtwist.cli." + PROGRAMS[name]
    __import__(where)  # importlib itself would bring another two modules
    module = sys.modules[where]
    if arguments == [b"--help"]:
        print((module.__doc__ or name).strip())
        return 0
    status: int = module.main(arguments, home)
    return status


def run(name: str, own_home: str | None) -> NoReturn:
    """Run a registered program and end the process with its exit status."""
    status = 111
    try:
        status = _call(name, [os.fsencode(word) for word in sys.argv[1:]], find_home(own_home))
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
