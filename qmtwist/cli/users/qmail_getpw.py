"""qmail-getpw: give addresses to users

    qmail-getpw LOCAL

Prints the account that controls the address LOCAL: user name, uid, gid, home directory, the dash or nothing, and the
extension, each followed by a NUL. LOCAL belongs to the longest user name that it is, or that it begins with before a
`-`, provided that the user is not root and owns the home directory; else to the user `alias`.

Exit status: 0; 100 without an argument; 111 output trouble; 115 a home cannot be looked at now; 116 there is no user
`alias`; 118 the password service does not answer now.
"""

from __future__ import annotations

from qmtwist.control.users import LookupFailed, find_by_name
from qmtwist.rules.users import format_account
from qmtwist.store.durable import write_all


def main(arguments: list[bytes], home: str) -> int:
    """One argument; more are ignored, as by qmail."""
    if not arguments:
        return 100
    try:
        account = find_by_name(home, arguments[0], is_private=False)
        write_all(1, format_account(account))
    except LookupFailed as failed:
        return failed.code
    except OSError:
        return 111
    return 0
