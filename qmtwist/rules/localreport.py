"""What the exit status of qmail-local, qmail-getpw or qmail-lspawn's own child means. (qmail-lspawn.c report())"""

from __future__ import annotations

LIMIT = 3000  # bytes of output that are reported in full
_CUT = b"\nError report too long, sorry.\n"
_KEPT = 2966

CRASHED = b"Zqmail-local crashed.\n"
_SOFT = frozenset((71, 74, 75, 111))

BUG, ROOT, NFS, NO_ALIAS, CDB, SYSTEM, MEMORY = 112, 113, 115, 116, 117, 118, 119
EXEC_SOFT, EXEC_GETPW, EXEC_HARD = 120, 121, 126
_TEXTS = {
    BUG: b"ZInternal qmail-lspawn bug.\n",
    ROOT: b"ZNot allowed to perform deliveries as root.\n",
    NFS: b"ZNFS failure in qmail-local.\n",
    NO_ALIAS: b"ZUnable to find alias user!\n",
    CDB: b"ZTrouble reading users/cdb in qmail-lspawn.\n",
    SYSTEM: b"ZTemporary failure in qmail-lspawn.\n",
    MEMORY: b"ZOut of memory in qmail-lspawn.\n",
    EXEC_SOFT: b"ZUnable to run qmail-local.\n",
    EXEC_GETPW: b"ZUnable to run qmail-getpw.\n",
    EXEC_HARD: b"DUnable to run qmail-local.\n",
}


def report(status: int, output: bytes) -> bytes:
    """Letter and text for an exit status (negative: killed by that signal) and what was written.

    >>> report(0, b"did 1+0+0\\n"), report(100, b"no\\0x"), report(-9, b"")
    (b'Kdid 1+0+0\\n', b'Dno', b'Zqmail-local crashed.\\n')
    """
    if status < 0:
        return CRASHED
    known = _TEXTS.get(status)
    if known is not None:
        return known
    letter = b"K" if status == 0 else b"Z" if status in _SOFT else b"D"
    return letter + shorten(output).partition(b"\0")[0]


def shorten(output: bytes) -> bytes:
    """Output of more than 3000 bytes, cut and marked."""
    return output if len(output) <= LIMIT else output[:_KEPT] + _CUT


def complaint(status: int) -> str:
    """The text of a status that has one of its own, without letter and line end."""
    return _TEXTS.get(status, _TEXTS[SYSTEM])[1:-1].decode("ascii")
