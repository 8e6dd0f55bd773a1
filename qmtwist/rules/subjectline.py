"""The header of a message of which only subject and recipients are given. (mailsubj(1))"""

from __future__ import annotations

from qmtwist.mail.encodedword import encoded_words, must_be_encoded
from qmtwist.mail.shapes import Sequence

from .completion import one_line


def header(subject: bytes, recipients: Sequence[bytes]) -> bytes:
    r"""Subject, To and the empty line. What is given cannot make lines of its own: a line end in it is a blank.

    Recipients are lists of addresses, as in a header; no comma is needed between them. A subject that a header may not
    have as it is, such as one with accents, becomes encoded words. (RFC 2047)

    >>> header(b"hello\nBcc: eve", [b"joe", b"ann@host"])
    b'Subject: hello Bcc: eve\nTo: joe ann@host\n\n'
    """
    text = one_line(subject)
    shown = b"\n ".join(encoded_words(text)) if must_be_encoded(text) else text
    return b"Subject: %s\nTo: %s\n\n" % (shown, b" ".join([one_line(recipient) for recipient in recipients]))
