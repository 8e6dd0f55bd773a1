"""newinclude: make a mailing list of an alias effective

    newinclude list

Reads the addresses in the file `list` and writes them into list.bin, which an alias with `:include:list` uses. It is
written as list.tmp and then takes the place of the old one in one step. Who owns a list can do that without being root.

The addresses are written as in a .forward file: several on a line, with names and comments in parentheses if you like;
one without a host gets defaulthost, or defaultdomain or plusdomain. A line that begins with `#` is a comment.
`:include:other` names another list that was made by newinclude or setmaillist, by the name of its .bin file. Programs
and files are refused.

Environment: QMAILDEFAULTHOST, QMAILDEFAULTDOMAIN and QMAILPLUSDOMAIN override control files.

Control files: defaulthost, defaultdomain, plusdomain, me.

Exit status: 0; 100 wrong use; 111 an address is wrong or a file cannot be read or written. list.bin is then as it was.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.control.aliashosts import read_hosts
from qmtwist.mail.shapes import Iterator
from qmtwist.rules.aliases import included
from qmtwist.rules.aliaswords import Hosts, Mistake

from .common import ReadError, file_pieces, lines, move, open_text, tell_place, write_items

NAME = b"newinclude"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    os.umask(0o033)
    try:
        hosts = read_hosts(home, os.environb)
    except OSError as error:
        return fatal(NAME, b"unable to read controls", error)
    if not arguments:
        say(b"newinclude: usage: newinclude list")
        return 100
    name = arguments[0]
    temporary = name + b".tmp"
    place = [0]
    try:
        descriptor = open_text(name)
        write_items(temporary, _items(descriptor, hosts, place))
    except ReadError as error:
        return fatal(NAME, b"unable to read " + name, error.error)
    except OSError as error:
        return fatal(NAME, b"unable to write to " + temporary, error)
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except Mistake as mistake:
        status = fatal(NAME, mistake.complaint)
        tell_place(NAME, name, place[0], mistake.why)
        return status
    return move(NAME, temporary, name + b".bin")


def _items(descriptor: int, hosts: Hosts, place: list[int]) -> Iterator[bytes]:
    """The items of the file; `place` gets the number of the line that is being read."""
    for line in lines(file_pieces(descriptor)):
        place[0] += 1
        yield from included(line, hosts)
