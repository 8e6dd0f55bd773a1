"""softlimit - run a program with limited resources

    softlimit [options] PROGRAM [ARGUMENT...]

Sets soft limits and runs PROGRAM:

    -m N   at most N bytes of data, of stack, of locked memory and of address space, each
    -a N   at most N bytes of address space
    -d N   at most N bytes of data
    -s N   at most N bytes of stack
    -l N   at most N bytes of locked memory
    -r N   at most N bytes resident; Linux ignores this
    -f N   files of at most N bytes
    -c N   core files of at most N bytes
    -o N   at most N open files
    -p N   at most N processes of this user
    -t N   at most N seconds of processor time

N is a number; `=` means the hard limit, and so does what is above it.

How much memory our own programs need: they are Python, and need more address space than the few megabytes that the
programs of 1998 were given. `softlimit -m 2000000` does not even load the interpreter, and the symptom is that
tcpserver does not start or that connections close at once. Give `-m 64000000` to tcpserver with one of our programs
behind it, which leaves room for messages of any size, because none is kept in memory whole. The daemon needs
more, and should not be limited like this. If PROGRAM is one of our own and the limit is smaller than that, this program
warns, and obeys.

Exit status: that of PROGRAM; 100 for a wrong call; 111 if a limit cannot be set or PROGRAM cannot be run.
"""

from __future__ import annotations

import os
import resource

from qmtwist.agents import pathexec
from qmtwist.cli.chain import become, fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.control.replaced import is_ours

NAME = b"softlimit"
USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] "
    b"[-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] child"
)
NEEDED_BYTES = 64_000_000  # of address space and data, by an interpreter with our largest small program
_LIMITS = {
    b"m": (resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_MEMLOCK, resource.RLIMIT_AS),
    b"a": (resource.RLIMIT_AS,),
    b"c": (resource.RLIMIT_CORE,),
    b"d": (resource.RLIMIT_DATA,),
    b"f": (resource.RLIMIT_FSIZE,),
    b"l": (resource.RLIMIT_MEMLOCK,),
    b"o": (resource.RLIMIT_NOFILE,),
    b"p": (resource.RLIMIT_NPROC,),
    b"r": (resource.RLIMIT_RSS,),
    b"s": (resource.RLIMIT_STACK,),
    b"t": (resource.RLIMIT_CPU,),
}
_MEMORY = (resource.RLIMIT_AS, resource.RLIMIT_DATA)


def main(arguments: list[bytes], home: str) -> int:
    """Set the limits when all of them are understood, then become the program."""
    options, limits = Options(arguments, b"a:c:d:f:l:m:o:p:r:s:t:"), dict[int, int]()
    try:
        for letter, value in options:
            limits.update((number, _value(number, value)) for number in _LIMITS[letter])
    except UsageError as error:
        if error.complaint:
            say(NAME + b": " + error.complaint)
        say(USAGE)
        return 100
    if not options.rest:
        say(USAGE)
        return 100
    _warn(limits, options.rest[0])
    try:
        for number, limit in limits.items():
            resource.setrlimit(number, (limit, resource.getrlimit(number)[1]))
    except (OSError, ValueError) as error:
        return fatal(NAME, b"setrlimit failed", error if isinstance(error, OSError) else None)
    return become(NAME, options.rest)


def _value(number: int, text: bytes) -> int:
    """The soft limit that a word asks for, no higher than the hard one.

    :raises UsageError: it is no number.
    """
    hard = resource.getrlimit(number)[1]
    if text == b"=":
        return hard
    if text and not text.isdigit():
        raise UsageError(b"")
    wanted = min(int(text[-20:] or b"0"), 2**63 - 1) if len(text) <= 20 else 2**63 - 1
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _warn(limits: dict[int, int], program: bytes) -> None:
    """Say so if one of our own programs will hardly start."""
    given = [limits[number] for number in _MEMORY if number in limits and limits[number] != resource.RLIM_INFINITY]
    if not given or min(given) >= NEEDED_BYTES:
        return
    for place in pathexec.candidates(program):
        if os.access(place, os.X_OK):
            if is_ours(os.fsdecode(place)):
                words = (min(given), place, NEEDED_BYTES)
                say(b"softlimit: warning: %d bytes of memory may be too few for %s: give it %d" % words)
            return
