"""822field: print a field of a message

SYNOPSIS

    822field [ name ] < message

DESCRIPTION

Prints what stands behind the colon of each header field of this name, one line each; without a name, of Subject.
Capitals do not matter. Lines that a field was folded into are put together, the blanks between them kept.

EXIT STATUS

0; 100 there is no such field, or the header is too long; 111 the message cannot be read.

SEE ALSO

822header(1), 822date(1)
"""

from __future__ import annotations

from qmtwist.mail.tolerant import unfolded

from .common import answer, field_named, out, read_header, stdin


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return answer(b"822field", lambda: _print(field_named(arguments, b"subject")))


def _print(name: bytes) -> int:
    values = [unfolded(field) + b"\n" for field in read_header(stdin()).fields if field.name == name]
    out(b"".join(values))
    return 0 if values else 100
