"""What the programs of mailing lists share."""

from __future__ import annotations

import os

from qmtwist.agents.privileges import NotPermitted, become
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, NamedTuple

_PARTS = (b"allow", b"deny", b"digest", b"mod")


class Line(NamedTuple):
    """A command line: its options, and the words that follow."""

    values: dict[bytes, bytes]
    words: list[bytes]


def take(arguments: list[bytes], accepted: bytes, fewest: int = 1) -> Line:
    """Read a command line; `fewest` words must follow the options.

    :raises UsageError: it is none.
    """
    options = Options(arguments, accepted)
    values = dict(options)
    if len(options.rest) < fewest:
        raise UsageError(b"")
    return Line(values, options.rest)


def enter(directory: bytes) -> None:
    """Go to the list's directory. Root goes on as its owner, who may have put links to anything there.

    :raises Permanent: its name could mean another directory tomorrow.
    :raises Temporary: that is not possible now.
    """
    if directory[:1] != b"/":
        raise Permanent("dir must start with slash")
    try:
        os.chdir(directory)
        become_owner(b".")
    except OSError as error:
        raise Temporary(f"unable to switch to {os.fsdecode(directory)}: {reason(error).decode()}") from error


def become_owner(directory: bytes) -> None:
    """Root becomes the owner of the directory for the rest of this process, unless that is root as well.

    :raises OSError: there is no such directory.
    :raises Temporary: that is not possible.
    """
    if os.geteuid() == 0:
        owner = os.stat(directory)
        try:
            if owner.st_uid != 0:
                become(owner.st_uid, owner.st_gid)
        except NotPermitted as error:
            raise Temporary(f"unable to become the owner of {os.fsdecode(directory)}: {error}") from error


def carry_out(name: bytes, usage: bytes, work: Callable[[], int]) -> int:
    """Do a program's work; say why it fails. The exit status."""
    try:
        return work()
    except UsageError:
        say(b"%s: usage: %s %s" % (name, name, usage))
        return 100
    except MailError as error:
        status = 111 if isinstance(error, Temporary) else 100
        text = os.fsencode(error.text) + (b" (#%s)" % error.status.encode() if error.status else b"")
        return fatal(name, text, status=status)


def variable(name: bytes) -> bytes:
    """What qmail-local says.

    :raises Permanent: the program was not started by it.
    """
    found = os.environb.get(name)
    if found is None:
        raise Permanent(name.decode() + " not set")
    return found


def part_of(words: list[bytes]) -> tuple[str, list[bytes]]:
    """One of the lists in the list's directory, such as `digest`, if the first word names one; and the other words."""
    if words and b"@" not in words[0]:
        is_part = words[0] in _PARTS and os.path.isdir(words[0])  # ezmlm-idx makes what is in it with the first address
        if is_part or os.path.isdir(words[0] + b"/subscribers"):
            return os.fsdecode(words[0]), words[1:]
    return os.curdir, words
