"""The small scripts in HOME/bin that start our programs."""

from __future__ import annotations

import os
import sys

from qmtwist.cli.registry import PROGRAMS

MARK = "# qmtwist launcher"


def package_paths() -> list[str]:
    """The directories that must be on sys.path under `python -S`: ours, and where the libraries are."""
    paths = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))]
    for entry in sys.path:
        if entry.endswith(("site-packages", "dist-packages")) and entry not in paths:
            paths.append(entry)
    return paths


def launcher_text(name: str, home: str, python: str) -> str:
    """The script that starts one program of this home."""
    return (
        f"#!{python} -IS\n{MARK}\nimport sys\nsys.path[:0] = {package_paths()!r}\n"
        f"from qmtwist.cli.launch import run\nrun({name!r}, {home!r})\n"
    )


def is_launcher(path: str) -> bool:
    """Whether bin/NAME is ours, and not another program put in its place."""
    try:
        with open(path, "rb") as stream:
            return MARK.encode() in stream.read(300)
    except OSError:
        return False


def write_launchers(home: str, python: str = sys.executable) -> None:
    """Make HOME/bin/NAME for every registered program; a program that is not ours is left alone."""
    os.makedirs(f"{home}/bin", exist_ok=True)
    for name in PROGRAMS:
        path = f"{home}/bin/{name}"
        if os.path.lexists(path) and not is_launcher(path):
            continue
        with open(path + ".new", "w", encoding="utf-8") as stream:
            stream.write(launcher_text(name, home, python))
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)
