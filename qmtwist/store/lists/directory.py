"""The settings of a list: small files in its directory, as ezmlm reads them."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists.address import list_local
from qmtwist.rules.lists.languages import code_in, language
from qmtwist.rules.lists.macros import sections

from .files import give_up, read_if_there, rewrite


class Number(NamedTuple):
    """Of the last message, and how large all have been together, in units of 256 bytes."""

    last: int
    size: int = 0


class ListDirectory:
    """The list in a directory."""

    def __init__(self, path: str) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        """Whether there is such a file: some say something by being there.

        :raises Temporary: that cannot be told.
        """
        try:
            os.stat(f"{self.path}/{name}")
        except FileNotFoundError:
            return False
        except OSError as error:
            give_up(f"unable to read {name}", error)
        return True

    def mark(self, name: str) -> None:
        """Make an empty file, if it is not there.

        :raises Temporary: it cannot be made.
        """
        if self.has(name):
            return
        try:
            rewrite(f"{self.path}/{name}", f"{self.path}/{name}.new", b"")
        except OSError as error:
            give_up(f"unable to create {name}", error)

    def read(self, name: str) -> bytes | None:
        """A whole file, or None without one.

        :raises Temporary: it cannot be read.
        """
        try:
            return read_if_there(f"{self.path}/{name}")
        except OSError as error:
            give_up(f"unable to read {name}", error)

    def line(self, name: str) -> bytes:
        """The first line of a file that has to be there.

        :raises Temporary: it is not, or cannot be read.
        """
        text = self.read(name)
        if text is None and name == "inlocal":
            return self._found_local()
        if text is None and name == "mailinglist":
            return b"contact %s-help@%s; run by ezmlm" % (self.line("outlocal"), self.line("outhost"))
        if text is None:
            raise Temporary(f"unable to read {name}: file does not exist")
        return text.partition(b"\n")[0].strip()

    def _found_local(self) -> bytes:
        """What the list's addresses begin with here, for the lists of ezmlm-idx that do not say it."""
        local = os.environb.get(b"LOCAL")
        return self.line("outlocal") if local is None else list_local(local, os.environb.get(b"DEFAULT"))

    def optional_line(self, name: str) -> bytes:
        """The first line of a file that need not be there.

        :raises Temporary: it cannot be read.
        """
        return (self.read(name) or b"").partition(b"\n")[0].strip()

    def lines(self, name: str) -> list[bytes]:
        """The lines of a file that say something.

        :raises Temporary: it cannot be read.
        """
        return [line.strip() for line in (self.read(name) or b"").split(b"\n") if line.strip()]

    def key(self) -> bytes:
        """The secret of the list: the whole file.

        :raises Temporary: there is none, or it cannot be read.
        """
        found = self.read("key")
        if not found:
            raise Temporary("unable to read key: it is empty or does not exist")
        return found

    def language(self) -> str:
        """The code of the language in which the list speaks: by the file that ezmlm-make was given.

        :raises Temporary: it cannot be read.
        """
        return code_in(self.optional_line("ezmlmrc").decode("utf-8", "replace"))

    def text(self, name: str) -> bytes:
        """One of the texts that people get, as UTF-8, as far as it is for this list.

        :raises Temporary: it cannot be read.
        """
        found = self.whole_text(name)
        return sections(found, self._flags()) if b"<=" in found or found[:1] == b"#" else found

    def whole_text(self, name: str) -> bytes:
        """A text, as UTF-8, as it is edited: the list's own, or the one that new lists of its language get.

        :raises Temporary: it cannot be read.
        """
        found = self.read(f"text/{name}")
        if found is None:
            return language(self.language()).texts[name].encode()
        return found if _is_utf8(found) else found.decode(self._charset() or "latin-1", "replace").encode()

    def _flags(self) -> bytes:
        """The letters of the switches that the list was made with."""
        found = self.read("flags") or b""
        for line in self.lines("config"):
            found = line[2:] if line.startswith(b"F:") else found
        return found

    def phrase(self, name: str) -> bytes:
        """What a letter says in its subject: by the list's own file `text/messages`, or by its language.

        :raises Temporary: it cannot be read.
        """
        start = name.encode() + b":"
        for line in (self.read("text/messages") or b"").split(b"\n"):
            if line.startswith(start) and _is_utf8(line):
                return line[len(start) :].strip()
        return language(self.language()).phrases[name].encode()

    def set_text(self, name: str, text: bytes) -> None:
        """Replace one of the texts; it is given as UTF-8, and kept as the other texts are.

        :raises Temporary: it is what it was.
        """
        with suppress(UnicodeError):
            text = text.decode().encode(self._charset() or "utf-8")
        path = f"{self.path}/text/{name}"
        try:
            rewrite(path, path + "_", text, 0o600)
        except OSError as error:
            give_up(f"unable to write text/{name}", error)

    def _charset(self) -> str:
        """How texts are kept that are not UTF-8, by the file `charset` of ezmlm-idx; empty if there is no other way."""
        name = self.optional_line("charset").partition(b":")[0].decode("ascii", "replace").lower()
        with suppress(LookupError, ValueError):
            "".encode(name)
            return "" if name in ("us-ascii", "utf-8") else name
        return ""

    def number(self) -> Number:
        """Where the list has come to; a list that has not begun has no file.

        :raises Temporary: that cannot be read.
        """
        words = (self.optional_line("num") + b":").split(b":")
        return Number(*[int(word) if word.isdigit() and len(word) < 18 else 0 for word in words[:2]])

    def set_number(self, number: Number) -> None:
        """:raises Temporary: it is what it was."""
        try:
            rewrite(f"{self.path}/num", f"{self.path}/numnew", b"%d:%d\n" % number)
        except OSError as error:
            give_up("unable to write num", error)


def _is_utf8(text: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        text.decode()
        return True
    return False
