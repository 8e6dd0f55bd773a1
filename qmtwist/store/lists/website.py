"""The files of an archive on the web, in a directory that a web server shows.

`.known` in it says what has been made: a line for the settings, then one for each letter. It is written after the pages
of these letters, so what a crash cuts off is made again. `.lock` keeps two runs apart.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Permanent, suppress
from qmtwist.mail.shapes import Container
from qmtwist.store.durable import append, sync_directory, unlink_quietly

from .bulk import Bulk, folder
from .files import Lock, give_up, read_if_there, rewrite

FOLDERS = ("search", "msg", "files", "thread", "month", "author")
_KNOWN, _LOCK = ".known", ".lock"


class Website:
    """The archive in a directory."""

    def __init__(self, top: str) -> None:
        self.top = top

    def open(self) -> Lock:
        """Make the directory if need be; alone with it from then on.

        :raises Permanent: it is a directory of somebody else's.
        :raises Temporary: it cannot be used now.
        """
        folder(self.top)
        try:
            names = os.listdir(self.top)
        except OSError as error:
            give_up(f"unable to read {self.top}", error)
        if names and _KNOWN not in names and set(names) - {_LOCK, _KNOWN + ".new"}:
            raise Permanent(f"{self.top} has files in it that are not those of an archive")
        return Lock(f"{self.top}/{_LOCK}")

    def known(self) -> list[bytes]:
        """The lines of what has been made; the first is that of the settings. None is half a line.

        :raises Temporary: they cannot be read.
        """
        path = f"{self.top}/{_KNOWN}"
        try:
            data = read_if_there(path) or b""
            whole = data.rpartition(b"\n")[0] + b"\n" * (b"\n" in data)
            if len(whole) < len(data):
                os.truncate(path, len(whole))
        except OSError as error:
            give_up(f"unable to read {path}", error)
        return whole.split(b"\n")[:-1]

    def begin(self, settings: bytes) -> None:
        """Nothing has been made, with these settings, which are the first lines; nothing is found by words.

        :raises Temporary: what has been made is what it was.
        """
        path = f"{self.top}/{_KNOWN}"
        try:
            rewrite(path, path + ".new", settings)
            for name in FOLDERS:
                folder(f"{self.top}/{name}")
            for name in os.listdir(f"{self.top}/search"):
                unlink_quietly(f"{self.top}/search/{name}")
        except OSError as error:
            give_up(f"unable to write {path}", error)

    def note(self, lines: bytes) -> None:
        """These letters have been made.

        :raises Temporary: they may have to be made again.
        """
        try:
            append(f"{self.top}/{_KNOWN}", lines, 0o644)
        except OSError as error:
            give_up(f"unable to write {self.top}/{_KNOWN}", error)

    def put(self, files: Bulk, name: str, data: bytes) -> None:
        """Put a file in the archive, unless it is there already and as it should be.

        :raises Temporary: the disk refuses.
        """
        path = f"{self.top}/{name}"
        try:
            if os.stat(path).st_size == len(data) and read_if_there(path) == data:
                return
        except FileNotFoundError:
            if "/" in name:
                folder(os.path.dirname(path))
        except OSError as error:
            give_up(f"unable to read {path}", error)
        files.put(path, data)

    def read(self, name: str) -> bytes:
        """A file of the archive; empty if there is none.

        :raises Temporary: it cannot be read.
        """
        try:
            return read_if_there(f"{self.top}/{name}") or b""
        except OSError as error:
            give_up(f"unable to read {self.top}/{name}", error)

    def sweep(self, wanted: Container[str]) -> None:
        """Remove what is in the folders of letters and lists and not wanted, such as a letter that was taken out.

        :raises Temporary: some of it may be left.
        """
        try:
            for name in FOLDERS[1:]:
                for place, _, files in os.walk(f"{self.top}/{name}", topdown=False):
                    inside = os.path.relpath(place, self.top)
                    gone = [file for file in files if f"{inside}/{file}" not in wanted]
                    for file in gone:
                        unlink_quietly(f"{place}/{file}")
                    if gone:
                        sync_directory(place)
                    if inside.startswith("files/"):
                        with suppress(OSError):  # there is something in it
                            os.rmdir(place)
        except OSError as error:
            give_up(f"unable to remove old files of {self.top}", error)
