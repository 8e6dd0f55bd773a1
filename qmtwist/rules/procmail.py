"""What procmail means with its exit code, in qmail's words. (sysexits.h; qmail-command(8))"""

from __future__ import annotations

# The address, the message, or the permission is at fault; everything else is the machine's fault, which may pass.
# Of the codes that qmail-local takes for failures, 70, 76 and 78 are such.
_USAGE, _DATA_ERROR, _NO_USER, _NO_HOST, _UNAVAILABLE, _NO_PERMISSION = 64, 65, 67, 68, 69, 77
_FAILURES = frozenset((_USAGE, _DATA_ERROR, _NO_USER, _NO_HOST, _UNAVAILABLE, _NO_PERMISSION, 100))


def delivery_code(code: int) -> int:
    """0 delivered, 99 delivered and nothing below is to be done, 100 failure, 111 deferral.

    A recipe sets a code with EXITCODE; procmail's own is 73 if it cannot write the mailbox.

    >>> [delivery_code(code) for code in (0, 67, 73, 75, 99)]
    [0, 100, 111, 111, 99]
    """
    if code in (0, 99):
        return code
    return 100 if code in _FAILURES else 111
