"""Command lines that mean the same with and without a shell."""

from __future__ import annotations

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLAIN = _LETTERS + b"0123456789@%_+=:,./-"  # what every shell takes for itself inside a word
_BLANKS = b" \t"
_LIMIT_BYTES = 32_768


def plain_words(command: bytes) -> list[bytes] | None:
    """The words of a command line that has nothing for a shell to do; None if there is something, or it is very long.

    Whether the first word is an assignment or the shell's own is for the caller, who knows which programs he looks for.

    >>> plain_words(b" forward  joe@host ")
    [b'forward', b'joe@host']
    >>> plain_words(b"forward joe@$HOST") is None
    True
    """
    if len(command) > _LIMIT_BYTES or command.translate(None, _PLAIN + _BLANKS):
        return None
    return command.split() or None
