r"""newaliases: make the aliases in /etc/aliases effective

    newaliases [ file ]

Reads aliases from /etc/aliases, or from `file`, and writes them into /etc/aliases.cdb, or file.cdb, for fastforward.
They are written as file.tmp and then take the place of the old ones in one step. No restart is needed, but the line
`| fastforward -d /etc/aliases.cdb` in ~alias/.qmail-default.

The file is as for sendmail and Postfix: `name: address, address, ...`. A line that begins with a blank continues the
one before; a line that begins with `#` is a comment. Capitals do not matter in names. A name stands for every host;
`name@host` is for one host alone and `@host` for everybody there, which is enough for a virtual domain. On the right
side there are addresses, which get a host if they have none (`joe`, `\joe`); `"|program arguments"`, whose input
begins with From, Return-Path and Delivered-To lines; and `:include:/path/list`, the list /path/list.bin that newinclude
makes of /path/list. `owner-name` gets the bounces of what is sent to `name`. Delivery into a file is refused: give the
address of a user, or a program.

A mistake is told with the number of its line, unless that is the first, and leaves the old aliases in effect.

Control files: defaulthost, defaultdomain, plusdomain, me.

`qmail-newaliases` is another name for it, as on Debian.

Files: /etc/aliases, /etc/aliases.cdb.

Exit status: 0; 100 wrong use or an address over 800 bytes; 111 any other mistake, or a file that cannot be read or
written.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.control.aliashosts import read_hosts
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator
from qmtwist.rules.aliases import Entry, entries, includes, records
from qmtwist.rules.aliaswords import Hosts, Mistake
from qmtwist.store import cdb

from .common import ReadError, file_pieces, lines, move, open_text, tell_place

NAME = b"newaliases"
ALIASES = b"/etc/aliases"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) > 1 or (arguments[0:1] and arguments[0][:1] == b"-"):
        say(b"newaliases: usage: newaliases [ file ]")
        return 100
    return compile_aliases(arguments[0] if arguments else ALIASES, home)


def compile_aliases(name: bytes, home: str) -> int:
    """Make `name`.cdb of the aliases in `name`; the exit status. For newaliases and `sendmail -bi`."""
    os.umask(0o033)
    try:
        hosts = read_hosts(home)
    except OSError as error:
        return fatal(NAME, b"unable to read controls", error)
    temporary, compiler = name + b".tmp", _Compiler(hosts)
    try:
        source = open_text(name)
    except ReadError as error:
        return fatal(NAME, b"unable to read " + name, error.error)
    try:
        descriptor = cdb.begin(temporary)
    except OSError as error:
        return fatal(NAME, b"unable to create " + temporary, error)
    try:
        cdb.stream(descriptor, compiler.records(source))
    except ReadError as error:
        return fatal(NAME, b"unable to read " + name, error.error)
    except OSError as error:
        return fatal(NAME, b"unable to write to " + temporary, error)
    except Malformed as error:
        return fatal(NAME, error.text.encode())
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except Mistake as mistake:
        status = fatal(NAME, mistake.complaint, status=100 if mistake.is_lasting else 111)
        tell_place(NAME, name, compiler.line, mistake.why)
        return status
    compiler.warn()
    return move(NAME, temporary, name + b".cdb")


class _Compiler:
    """Knows which entry is being read, and which lists were named."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._lists: dict[bytes, int] = {}
        self.line = 0

    def records(self, descriptor: int) -> Iterator[tuple[bytes, bytes]]:
        for entry in entries(lines(file_pieces(descriptor))):
            self.line = entry.line
            yield from self._records(entry)

    def _records(self, entry: Entry) -> Iterator[tuple[bytes, bytes]]:
        for key, data in records(entry, self._hosts):
            if key[:1] == b":":
                for text in includes(data):
                    self._lists.setdefault(text, entry.line)
            yield key, data

    def warn(self) -> None:
        """Lists whose text is newer than what newinclude made of it, or that it was never run for."""
        for text, line in self._lists.items():
            try:
                changed = os.stat(text).st_mtime
            except (OSError, ValueError):
                continue  # no text; the list may be made in another way
            try:
                is_old = os.stat(text + b".bin").st_mtime < changed
            except OSError:
                is_old = True
            if is_old:
                say(b"newaliases: warning: line %d: %s.bin is missing or old: run newinclude %s" % (line, text, text))
