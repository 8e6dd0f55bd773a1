"""Bundles: all modules of a program in one file beside the compiled ones, so that it starts faster.

Finding, opening and checking thirty small files takes a program as long as running them. `qmtwist setup` makes a bundle
for those that run once per message, where it may write into the package; `cli/launch` uses it as long as the sources
are the ones it was made of. Without it, or after a change, the modules are imported as ever.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys

from qmtwist.cli.launch import BUNDLE_LIMIT_BYTES, PACKAGE, bundle_path, bundled_modules
from qmtwist.cli.registry import PROGRAMS
from qmtwist.store import durable

BUNDLED = ("bouncesaying", "condredirect", "except", "forward", "preline", "qmail-inject", "sendmail")
_LIST = "import sys; sys.path.append(sys.argv[1]); import qmtwist.cli.launch; early = set(sys.modules)\n"
_LIST += "__import__(sys.argv[2])\n"
_LIST += "print(*[name for name in sys.modules if name.startswith('qmtwist.') and name not in early])"


def make_bundles() -> list[str]:
    """Make those that are missing or no longer right; their programs.

    :raises OSError: one cannot be written.
    """
    made = []
    for name in BUNDLED:
        place = PROGRAMS.get(name)
        if place is not None and not is_current(place):
            _write(place, bundle(place))
            made.append(name)
    return made


def is_current(place: str) -> bool:
    """Whether a program has a bundle of the sources as they are."""
    try:
        with open(bundle_path(place), "rb") as stream:
            return bool(bundled_modules(stream.read()))
    except (OSError, ValueError, EOFError, TypeError, AttributeError):
        return False


def bundle(place: str) -> bytes:
    """A program's bundle: the version of Python, and its modules (see `launch.bundled_modules`).

    :raises OSError: a source cannot be read.
    """
    command = [sys.executable, "-IS", "-c", _LIST, os.path.dirname(PACKAGE[:-1]), f"qmtwist.cli.{place}"]
    names = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    modules = {}
    for name in names:
        below = "/".join(name.split(".")[1:])
        is_package = os.path.isdir(PACKAGE + below)
        below += "/__init__.py" if is_package else ".py"
        status = os.stat(PACKAGE + below)  # before it is read: if it changes meanwhile, the bundle is old at once
        with open(PACKAGE + below, "rb") as stream:
            code = compile(stream.read(), PACKAGE + below, "exec", dont_inherit=True)
        modules[name] = (below, status.st_mtime_ns, status.st_size, is_package, code)
    return marshal.dumps((sys.version, modules))


def _write(place: str, data: bytes) -> None:
    """In one step, as programs may be starting now; and durably: nobody looks whether a bundle's code is damaged."""
    if len(data) <= BUNDLE_LIMIT_BYTES:
        durable.replace(bundle_path(place), data)
