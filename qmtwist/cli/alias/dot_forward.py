r"""dot-forward: obey a .forward file of sendmail's

    |dot-forward [ -nN ] file ...

Put it into a .qmail file, or into the default delivery of qmail-start, before the line that delivers to the mailbox:
the first of the files that is there and says something is obeyed, and the lines below are skipped unless it says that
the user gets the message as well. Without such a file the lines below do their work.

A line that begins with `#` is a comment. On any other there are:

    joe@there.example   an address; without a host it gets defaulthost, or defaultdomain or plusdomain
    joe, \joe           the user's own name, alone or with the host: go on with the .qmail file
    "|program"          a shell command; its input begins with From, Return-Path and Delivered-To lines
    :include:/path      a file with more of all this
    /path               append to this mbox file of the user's, which is made if it is to be below the home

The whole file is understood before anything is done. Programs are run and files written in the order of lines, from
right to left in a line, and then the message is forwarded, with the envelope sender NEWSENDER. If a program fails,
nothing is forwarded; where it may work later, what was done before is not done again by the next attempt if
~/.qmtwist-ran can be written. A .forward file that everybody may write is not obeyed.

-n prints what would be done, and does nothing. -N (default) does it.

Environment: USER, HOST, HOME, NEWSENDER, UFLINE, RPLINE and DTLINE, as qmail-local sets them.

Control files: defaulthost, defaultdomain, plusdomain, me.

Exit status: 0 go on with the .qmail file; 99 done; 100 it can never be done; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.shapes import TYPE_CHECKING

if TYPE_CHECKING:
    from qmtwist.agents.alias.forwarding import Setting

NAME = b"dot-forward"
_USAGE = b"dot-forward: usage: dot-forward [ -nN ] file ..."


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    is_real, options = True, Options(arguments, b"nN")
    try:
        for letter, _ in options:
            is_real = letter == b"N"
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        say(_USAGE)
        return 100
    files = [name for name in options.rest if not _is_absent(name)]
    return _obey(files, home, is_real) if files else 0


def _is_absent(name: bytes) -> bool:
    """Most users have no such file, and their mail need not wait for the modules that read it."""
    try:
        os.lstat(name)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _obey(files: list[bytes], home: str, is_real: bool) -> int:
    from qmtwist.agents.alias.forwarding import TEMPORARY, Fatal, Setting
    from qmtwist.rules.aliaswords import Mistake

    try:
        return _deliver(files, Setting(home, dict(os.environb)), is_real)
    except Mistake as mistake:
        return fatal(NAME, mistake.complaint)
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except Fatal as error:
        return fatal(NAME, error.complaint, status=error.status) if error.complaint else error.status
    except OSError as error:
        return fatal(NAME, b"unable to read the message", error, TEMPORARY)


def _deliver(files: list[bytes], setting: Setting, is_real: bool) -> int:
    """By the first of the files that says something."""
    from qmtwist.agents.alias.dotforward import carry_out, read_plan, show

    for name in files:
        plan = read_plan(name, setting)
        if plan is None:
            continue
        if plan.steps or plan.is_direct:
            if is_real:
                return carry_out(plan, setting, say)
            show(plan, say)
            return 0
        if not is_real:
            say(b"skipping empty file " + name)
    return 0
