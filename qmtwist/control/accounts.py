"""The system accounts of the mail system, as this machine has them. (qmail: conf-users)"""

from __future__ import annotations

import pwd

from qmtwist.mail.shapes import NamedTuple


class SystemAccount(NamedTuple):
    """uid and gid of one role."""

    uid: int
    gid: int


def system_account(name: str) -> SystemAccount | None:
    """A role's account by its entry in the password file; None: there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return SystemAccount(entry.pw_uid, entry.pw_gid)


def uid_of(name: str, otherwise: int) -> int:
    """The uid to log for a role: its account's; `otherwise` where there are no accounts."""
    account = system_account(name)
    return account.uid if account else otherwise
