"""The text of a launcher: the script in HOME/bin that starts one of our programs."""

from __future__ import annotations

import os
import sys

from qmtwist.control.replaced import MARK
from qmtwist.mail.shapes import NamedTuple

from .registry import PROGRAMS

SHEBANG_LIMIT = 127  # bytes of the first line that every kernel reads


class Command(NamedTuple):
    """How our programs are started."""

    python: str
    paths: tuple[str, ...]  # the directory of our package first


def package_paths() -> list[str]:
    """The directories that must be on sys.path under `python -S`: ours, and where the libraries are."""
    paths = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]
    for entry in sys.path:
        if entry.endswith(("site-packages", "dist-packages")) and entry not in paths:
            paths.append(entry)
    return paths


def launcher_text(name: str, home: str, command: Command) -> str:
    """The script that starts one program of this home."""
    first = f"#!{command.python} -IS"
    if len(os.fsencode(first)) > SHEBANG_LIMIT or " " in command.python:
        # sh runs this line; for Python it is a string that nobody uses
        first = f'#!/bin/sh\n"exec" "{command.python}" "-IS" "$0" "$@"'
    return (
        f"{first}\n{MARK.decode()}\nimport sys\nsys.path += {list(command.paths)!a}\n"
        f"from qmtwist.cli.launch import run\nrun({name!r}, {home!a}, {PROGRAMS[name]!r})\n"
    )
