"""Other people's programs for a test, and the recipes of docs/howto/neighbours.md for them."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from tests.support.daemon import TOP
from tests.support.town import HOST, Town

SHELL = "/usr/sbin:/usr/bin:/sbin:/bin"
_SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.M | re.S)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Skip a test where the system has no such program; ours of the same name do not count."""
    is_there = shutil.which(program, path=SHELL) is not None
    return pytest.mark.skipif(not is_there, reason=f"{program} is not here: Debian has it in {package}")


def sections() -> dict[str, str]:
    """What the page says under each heading, for our host."""
    with open(os.path.join(TOP, "docs/howto/neighbours.md"), encoding="utf-8") as stream:
        return {title: text.replace("example.org", HOST) for title, text in _SECTION.findall(stream.read())}


def recipe(heading: str, kind: str, place: int = 0) -> str:
    """A block of this kind under the heading that begins so."""
    (text,) = [text for title, text in sections().items() if title.startswith(heading)]
    return [block for its_kind, block in _BLOCK.findall(text) if its_kind == kind][place]


def script(made: Town, name: str, text: str) -> str:
    """Write a program into a town's directory, with its mail home for /var/qmail; its path."""
    path = os.path.join(made.top, name)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text.replace("/var/qmail", made.path))
    os.chmod(path, 0o755)
    return path
