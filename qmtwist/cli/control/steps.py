"""How `qmtwist setup --system` and `--remove` do what they do: by commands that are shown as they are run."""

from __future__ import annotations

import shlex
import sys

from . import machine


class Failed(Exception):
    """A command that did not do its part, with what it said."""


class Steps:
    """One run: each command is printed, and run unless this is a rehearsal."""

    def __init__(self, is_trial: bool) -> None:
        self.is_trial = is_trial

    def do(self, *words: str) -> None:
        """One command.

        :raises Failed: its exit status is not 0.
        """
        print(plain(shlex.join(words)), flush=True)
        if self.is_trial:
            return
        status, said = machine.run(list(words))
        if status:
            raise Failed(f"{shlex.join(words)}: exit status {status}: {' '.join(said.split())}")

    def say(self, text: str) -> None:
        """A remark; not among the commands of a rehearsal, which a shell can be given."""
        print(plain(f"# {text}" if self.is_trial else text), flush=True)

    @staticmethod
    def complain(text: str) -> None:
        """On standard error."""
        sys.stdout.flush()
        print(plain(f"qmtwist setup: {text}"), file=sys.stderr)


def plain(text: str) -> str:
    r"""What a terminal may be given: users can give files names that steer it.

    >>> plain("rm 'a\x1b[2J'")
    "rm 'a\\x1b[2J'"
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
