"""What the subcommands of qmtwist share: how a command line is read, and which home is meant."""

from __future__ import annotations

import argparse
import os
import sys

from qmtwist.mail.shapes import NoReturn

DEFAULT_HOME = "/var/qmail"


class Parser(argparse.ArgumentParser):
    """An argparse parser with qmail's exit status, 100, for a wrong command line; `--help` prints the manual."""

    def __init__(self, name: str, manual: str | None) -> None:
        super().__init__(prog=name, add_help=False, allow_abbrev=False)
        self.manual = (manual or "").strip()
        self.add_argument("--help", "-h", action=_Manual, nargs=0)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(100)


class _Manual(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        assert isinstance(parser, Parser)
        print(parser.manual)
        raise SystemExit(0)


def home_of(asked: str | None, default: str) -> str:
    """The home as an absolute path, links kept: `--home`, else what the caller found."""
    return os.path.abspath(asked or default)
