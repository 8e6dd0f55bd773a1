"""What config and config-fast write into control/, and what they say of it. (qmail's config)"""

from __future__ import annotations

import contextlib
import os

from qmtwist.control import grammar

from . import hostname

MODE = 0o644


class Report:
    """Writes control files of a home, each in one step, and prints a line for each."""

    def __init__(self, home: str) -> None:
        self._home = home

    def put_names(self, host: str) -> None:
        """me, defaultdomain and plusdomain.

        :raises OSError: with the name of the file.
        """
        self.put("me", host)
        self.put("defaultdomain", hostname.default_domain(host))
        self.put("plusdomain", hostname.plus_domain(host))

    def put(self, name: str, line: str, adding: bool = False) -> None:
        """One line as the file, or (`adding`) as its last one, unless it is there already.

        :raises OSError: with the name of the file.
        """
        print(f"Putting {line} into control/{name}...")
        lines = [kept.decode("latin-1") for kept in grammar.read_list(self._home, name) or []] if adding else []
        if line in lines:
            return
        old = grammar.read_file(self._home, name) if adding else None
        before = (old or b"").decode("latin-1")
        if before and not before.endswith("\n"):
            before += "\n"
        self.replace(name, f"{before}{line}\n")

    def replace(self, name: str, text: str) -> None:
        """This text as the file.

        :raises OSError: with the name of the file.
        """
        path = grammar.control_path(self._home, name)
        temporary = f"{path}.new"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
            with open(descriptor, "w", encoding="latin-1") as stream:
                os.fchmod(descriptor, MODE)
                stream.write(text)
                stream.flush()
                os.fsync(descriptor)
            os.rename(temporary, path)
        except OSError as trouble:
            raise OSError(trouble.errno, trouble.strerror, f"control/{name}") from trouble

    def remind(self) -> None:
        """What the administrator must remember."""
        print("Now mail from outside is refused except for those hosts.")
        print("Make sure to change rcpthosts if you add hosts to locals or virtualdomains!")
