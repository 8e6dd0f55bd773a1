"""What an exit code of the queue program means to the one who called it. (qmail.c; qmail-queue(8))

A result is empty when the message is queued, else `D` (permanent) or `Z` (temporary) and a sentence.
"""

from __future__ import annotations

_TEXTS: dict[int, bytes] = {
    11: b"Denvelope address too long for qq (#5.1.3)",
    31: b"Dmail server permanently rejected message (#5.3.0)",
    51: b"Zqq out of memory (#4.3.0)",
    52: b"Zqq timeout (#4.3.0)",
    53: b"Zqq write error or disk full (#4.3.0)",
    54: b"Zqq read error (#4.3.0)",
    55: b"Zqq unable to read configuration (#4.3.0)",
    56: b"Zqq trouble making network connection (#4.3.0)",
    61: b"Zqq trouble in home directory (#4.3.0)",
    62: b"Zqq trouble creating files in queue (#4.3.0)",
    63: b"Zqq trouble creating files in queue (#4.3.0)",
    64: b"Zqq trouble creating files in queue (#4.3.0)",
    65: b"Zqq trouble creating files in queue (#4.3.0)",
    66: b"Zqq trouble creating files in queue (#4.3.0)",
    71: b"Zmail server temporarily rejected message (#4.3.0)",
    72: b"Zconnection to mail server timed out (#4.4.1)",
    73: b"Zconnection to mail server rejected (#4.4.1)",
    74: b"Zcommunication with mail server failed (#4.4.2)",
    81: b"Zqq internal bug (#4.3.0)",
    91: b"Zqq internal bug (#4.3.0)",
    115: b"Denvelope address too long for qq (#5.1.3)",
    120: b"Zunable to exec qq (#4.3.0)",
}
CRASHED = b"Zqq crashed (#4.3.0)"


def result_text(code: int, own_text: bytes, is_broken: bool) -> bytes:
    """What an exit code of the queue program means to its client.

    `own_text` is what it wrote to descriptor 6; `is_broken` that we could not hand over all of the message.

    >>> result_text(0, b"", False), result_text(0, b"", True), result_text(40, b"", False)
    (b'', b'Zqq read error (#4.3.0)', b'Dqq permanent problem (#5.3.0)')
    """
    if code == 0:
        return _TEXTS[54] if is_broken else b""
    if code == 82 and len(own_text) > 2:
        return own_text
    known = _TEXTS.get(code)
    if known is not None:
        return known
    return b"Dqq permanent problem (#5.3.0)" if 11 <= code <= 40 else b"Zqq temporary problem (#4.3.0)"
