"""What a program says with its exit code when a line of .qmail asks it something. (qmail condredirect, except)"""

from __future__ import annotations

from qmtwist.mail.errors import Temporary

_TEMPORARY = 111


def holds(status: int) -> bool:
    """Whether the answer is yes. `status` is the exit code, or minus the signal that ended the program.

    Any code but 0 is a no, even 99 and 100, except 111: then nobody knows.

    :raises Temporary: there is no answer now.

    >>> holds(0), holds(1), holds(100)
    (True, False, False)
    """
    if status < 0:
        raise Temporary("child crashed")
    if status == _TEMPORARY:
        raise Temporary("temporary child error")
    return status == 0
