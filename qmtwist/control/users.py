"""From a local part to the account that serves it: users/cdb, then the password file. (qmail-users(5), qmail-getpw(8))

Everything that can go wrong is `Temporary`, with the sentence that qmail-lspawn reports for it: who a local part
belongs to is never answered by a guess.
"""

from __future__ import annotations

import errno
import os
import pwd

from qmtwist.mail.errors import MailError, Malformed, Temporary
from qmtwist.mail.reasons import is_lasting
from qmtwist.rules import localreport
from qmtwist.rules.users import WILDCARDS, Account, candidates, parse_account, probes
from qmtwist.store.cdb import Reader

from . import getpw
from .replaced import Watch

__all__ = ["ALIAS", "Account", "LookupFailed", "find_account", "find_by_name", "look_up"]

ALIAS = b"alias"
_PASSWORD_FILE = "/etc/passwd"
_NO_UID = 2**32 - 1  # what setuid(2) takes for "leave it"


class LookupFailed(Temporary):
    """`status` is the exit status by which qmail's programs tell each other; the text is its report."""

    def __init__(self, code: int) -> None:
        super().__init__(localreport.complaint(code))
        self.code = code


def find_account(home: str, local: bytes) -> Account:
    """The account for a local part that is not empty.

    As an ordinary user: only what belongs to ourselves, and `alias` is us with HOME/alias.

    :raises Temporary: no answer now (a database cannot be read, no alias user, uid 0, another user's account);
        the text is the report without its letter and line end.
    """
    found = _from_database(home, local)
    if found is None:
        found = _from_password_file(home, local)
    return _allowed(found)


def look_up(home: str, local: bytes) -> tuple[Account, bool]:
    """Whose a local part is, whoever asks, and whether users/cdb says so. Nobody may deliver by this answer.

    :raises Temporary: no answer now.
    """
    found = _from_database(home, local)
    return (find_by_name(home, local, is_private=False), False) if found is None else (found, True)


def find_by_name(home: str, local: bytes, is_private: bool) -> Account:
    """What the password file says, by qmail-getpw's rules. `is_private`: the alias user is always ourselves.

    :raises LookupFailed: no alias user, or the password service or a home cannot be asked now.
    """
    absent: list[bytes] = []
    for name, dash, ext in candidates(local):
        entry = _entry(name)
        if entry is None:
            absent.append(name)
        elif entry.pw_uid and _owns_home(entry):
            return Account(name, entry.pw_uid, entry.pw_gid, os.fsencode(entry.pw_dir), dash, ext)
    # Whoever is not there is served by alias, which may bounce: so make sure that nobody was overlooked.
    for name in absent:
        _confirm_absence(name)
    return (_own_alias(home) if is_private else _alias(home))._replace(ext=local)


def _from_database(home: str, local: bytes) -> Account | None:
    try:
        with Reader(f"{home}/users/cdb") as reader:
            wildcards = reader.get(WILDCARDS)
            if wildcards is None:
                raise LookupFailed(localreport.CDB)
            for key, rest in probes(local, wildcards):
                data = reader.get(key)
                if data is not None:
                    return parse_account(data + rest)
    except FileNotFoundError:
        pass
    except (OSError, Malformed):
        raise LookupFailed(localreport.CDB)
    return None


_watches: dict[str, Watch] = {}


def _from_password_file(home: str, local: bytes) -> Account:
    watch = _watches.setdefault(home, Watch(home, "qmail-getpw"))
    if not watch.is_replaced():
        return find_by_name(home, local, is_private=os.geteuid() != 0)
    status, output = getpw.run(watch.path, home, local)
    if status:
        raise LookupFailed(status if status > 0 else localreport.SYSTEM)
    return parse_account(output) if output.count(b"\0") >= 6 else _bug()


def _bug() -> Account:
    raise LookupFailed(localreport.BUG)


def _entry(name: bytes) -> pwd.struct_passwd | None:
    try:
        # A name that is not ASCII reaches the password service as the bytes it is.
        return pwd.getpwnam(os.fsdecode(name))
    except (KeyError, ValueError):
        return None
    except OSError:
        raise LookupFailed(localreport.SYSTEM)


def _owns_home(entry: pwd.struct_passwd) -> bool:
    try:
        return os.stat(entry.pw_dir).st_uid == entry.pw_uid
    except OSError as error:
        if is_lasting(error):
            return False
        raise LookupFailed(localreport.NFS)


def _confirm_absence(name: bytes) -> None:
    """Python tells "no such user" and "cannot ask now" with one exception; the C library has a number for each.

    Where several sources are asked (nsswitch.conf(5)), one that cannot open its file goes unnoticed when the next one
    says no; so see first that it can be opened.

    :raises LookupFailed: it could not be asked, or says now that there is one.
    """
    try:
        os.close(os.open(_PASSWORD_FILE, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        if not is_lasting(error):
            raise LookupFailed(localreport.SYSTEM)
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "getpwnam_r", None)
    if call is None or b"\0" in name:
        return
    entry, room = ctypes.create_string_buffer(256), ctypes.create_string_buffer(65536)
    found = ctypes.c_void_p()
    problem = call(ctypes.c_char_p(name), entry, room, ctypes.c_size_t(len(room)), ctypes.byref(found))
    # getpwnam(3): these mean that there is no such name; on others the service could not be asked.
    if not found and problem in (0, errno.ENOENT, errno.ESRCH, errno.EBADF, errno.EPERM, errno.EINVAL):
        return
    raise LookupFailed(localreport.SYSTEM)


def _alias(home: str) -> Account:
    """The user for all that nobody else claims; `ext` is still empty."""
    entry = _entry(ALIAS)
    if entry is not None:
        return Account(ALIAS, entry.pw_uid, entry.pw_gid, os.fsencode(entry.pw_dir), b"-", b"")
    _confirm_absence(ALIAS)
    own = _own_alias(home)
    if own.uid and os.path.isdir(own.home) and os.stat(own.home).st_uid == own.uid:
        return own
    raise LookupFailed(localreport.NO_ALIAS)


def _own_alias(home: str) -> Account:
    """In a home that belongs to an ordinary user, that user is alias too."""
    return Account(ALIAS, os.geteuid(), os.getegid(), os.fsencode(f"{home}/alias"), b"-", b"")


def _allowed(account: Account) -> Account:
    """Never root; and without root's rights only ourselves."""
    if account.uid == 0:
        raise LookupFailed(localreport.ROOT)
    if account.uid >= _NO_UID or account.gid >= _NO_UID:
        raise LookupFailed(localreport.BUG)
    if os.geteuid() and account.uid != os.geteuid():
        name = account.user.decode("ascii", "backslashreplace")
        raise Temporary(f"This server does not run as root, so it cannot deliver to the user {name}. (#4.3.5)")
    return account


def report(error: MailError) -> bytes:
    """What to say about a lookup that failed: letter, text, line end."""
    return b"Z" + error.text.encode("utf-8", "backslashreplace") + b"\n"
