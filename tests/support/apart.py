"""Tests with mounts of their own: each is played by a fresh interpreter in a private name space. Needs root.

A fresh one, since a fork of the test run would inherit locks from threads that it does not have.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support import privately

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CANNOT, MISSING = 77, 78
LIMIT_S = 180


def play_apart(play: Callable[[str], None], directory: str) -> None:
    """Call a function of a module with this directory, elsewhere; its failure is ours. Skips where that is not allowed.

    One that does not come back within `LIMIT_S` says where it hangs.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root")
    words = [sys.executable, "-m", "tests.support.apart", play.__module__, play.__qualname__, directory]
    environment = {**os.environ, "PYTHONPATH": TOP}
    with open(f"{directory}/said", "w+b") as said:
        process = subprocess.Popen(
            words, cwd=TOP, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        status = process.wait(LIMIT_S + 30)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if status == CANNOT:
        pytest.skip("no private name spaces here")
    if status == MISSING:
        pytest.skip(text.strip())
    assert status == 0, text


def main(module: str, name: str, directory: str) -> int:
    """Play it here. The exit status."""
    faulthandler.dump_traceback_later(LIMIT_S, exit=True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not privately.enter():
        return CANNOT
    try:
        getattr(importlib.import_module(module), name)(directory)
    except pytest.skip.Exception as missing:
        print(missing)
        return MISSING
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
