"""The envelope: who sent a message and who is to get it. Never the header."""

from .shapes import NamedTuple


class Envelope(NamedTuple):
    """One sender (empty: the null sender) and its recipients, in order; bytes without NUL."""

    sender: bytes
    recipients: tuple[bytes, ...]
