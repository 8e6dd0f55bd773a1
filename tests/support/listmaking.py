"""Mailing lists as ezmlm-make makes them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.filterhome import FilterHome


def make(place: FilterHome, *options: str, name: str = "list") -> Path:
    """A list; its directory."""
    directory = Path(f"{place.user}/{name}")
    ended = place.run("ezmlm-make", *options, str(directory), f"{place.user}/.qmail-{name}", name, "h.dom")
    assert ended == (0, b"", b"")
    return directory


def files(directory: Path) -> set[str]:
    """Everything that is in a directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def programs(directory: Path, name: str = "editor") -> list[str]:
    """The programs of a .qmail file with their arguments."""
    found = []
    for line in (directory / name).read_text().splitlines():
        words = line.replace("'", "").removesuffix(" || exit 0").split()
        if line.startswith("|"):
            found.append(" ".join([os.path.basename(words[0]).removeprefix("ezmlm-"), *words[1:]]))
    return [line.replace(f" {directory}", " DIR") for line in found]
