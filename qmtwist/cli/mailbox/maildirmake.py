"""maildirmake - make a maildir

    maildirmake NAME
    maildirmake [ -o USER ] -f FOLDER MAILDIR
    maildirmake -o USER NAME

Makes the directory NAME with tmp, new and cur in it, readable by you alone. To have your mail delivered there, write
`./NAME/` into ~/.qmail. Mail is delivered by your own account, so make the maildir as the user whose it is, or, as
root, say whose it is to be:

-o USER: the maildir belongs to USER. Only for root.

-f FOLDER: makes a folder of an existing maildir, as IMAP servers understand it (Maildir++): the maildir
MAILDIR/.FOLDER. Dots separate levels: `-f Lists.qmail`. Made by root it belongs to the owner of MAILDIR, unless -o says
otherwise.

An option counts only if two more words follow it: `maildirmake -f` makes a maildir of that name. Words behind the name
mean nothing. If a part of it cannot be made, nothing is left of it.

Exit status: 0; 100 no name is given, or the folder's name is impossible; 111 it cannot be made, for example because it
exists.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.mail.shapes import NamedTuple
from qmtwist.store.newmaildir import Owner, make_maildir, owner_of
from qmtwist.store.refusal import Refused

_NAME = b"maildirmake"


class _Wanted(NamedTuple):
    """What the command line asks for."""

    name: bytes
    folder: bytes | None
    user: bytes | None


def main(arguments: list[bytes], home: str) -> int:
    """Make the four directories, the outer one first."""
    if not arguments:
        say(b"maildirmake: usage: maildirmake name")
        return 100
    wanted = _read(arguments)
    folder = wanted.folder
    if folder is not None and (not folder or b"/" in folder or b".." in b".%s." % folder):
        return fatal(_NAME, b"%s: not the name of a folder" % folder, status=100)
    os.umask(0o077)
    try:
        owner = _owner(wanted)
        name = wanted.name if folder is None else b"%s/.%s" % (wanted.name, folder)
        make_maildir(name, owner, folder is not None)
    except Refused as refusal:
        return fatal(_NAME, refusal.text)
    return 0


def _read(arguments: list[bytes]) -> _Wanted:
    found: dict[bytes, bytes] = {}
    rest = arguments
    while len(rest) >= 3 and rest[0] in (b"-f", b"-o") and rest[0] not in found:
        found[rest[0]] = rest[1]
        rest = rest[2:]
    return _Wanted(rest[0], found.get(b"-f"), found.get(b"-o"))


def _owner(wanted: _Wanted) -> Owner | None:
    """:raises Refused: there is no such user, or no such maildir."""
    if wanted.user is not None:
        from qmtwist.control.accounts import system_account

        account = system_account(os.fsdecode(wanted.user))
        if account is None:
            raise Refused(b"there is no user " + wanted.user)
        return Owner(account.uid, account.gid)
    if wanted.folder is not None and os.geteuid() == 0:
        return owner_of(wanted.name)
    return None
