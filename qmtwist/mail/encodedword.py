"""Text that is not ASCII as the words of a header. (RFC 2047)"""

from __future__ import annotations

WORD_BYTES = 69  # of 75 that a word may have: `From: ` or `(` stands before it on its line, which may have 76

# RFC 2047 §5 (3): what stands for itself in a phrase; that serves in a comment as well
_PLAIN = b"!*+-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CODES = [b"=%02X" % byte for byte in range(256)]
for _byte in _PLAIN:
    _CODES[_byte] = b"%c" % _byte
_CODES[ord(" ")] = b"_"
_PRINTABLE = bytes(range(32, 127)) + b"\t"


def must_be_encoded(text: bytes) -> bool:
    """Whether a header may not have this text as it is."""
    return bool(text.translate(None, _PRINTABLE))


def encoded_words(text: bytes) -> list[bytes]:
    r"""The text as words to be separated by blanks, which do not count; none for no text.

    A word never ends within a character. Bytes that are not UTF-8 are called `unknown-8bit` (RFC 1428) and kept.

    >>> encoded_words("Zoë M.".encode()), encoded_words(b"Zo\xeb")
    ([b'=?utf-8?q?Zo=C3=AB_M=2E?='], [b'=?unknown-8bit?q?Zo=EB?='])
    """
    try:
        pieces = [character.encode() for character in text.decode()]
        charset = b"utf-8"
    except UnicodeDecodeError:
        pieces = [text[at : at + 1] for at in range(len(text))]
        charset = b"unknown-8bit"
    room = WORD_BYTES - len(b"=??q??=") - len(charset)
    words: list[bytes] = []
    line = b""
    for piece in pieces:
        code = b"".join([_CODES[byte] for byte in piece])
        if len(line) + len(code) > room:
            words.append(line)
            line = b""
        line += code
    if line:
        words.append(line)
    return [b"=?%s?q?%s?=" % (charset, word) for word in words]
