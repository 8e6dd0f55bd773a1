"""Bytes of mail as text: whatever a sender says about their character set, and what they got wrong.

Nothing here fails: text that cannot be read is shown as well as it can be.
"""

from __future__ import annotations

_CHARSET_LETTERS = 40
# Codecs of Python's that are no character sets of mail; the first two take quadratic time
_REFUSED = frozenset(
    ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem", "palmos", "utf-8-sig")
)
# What a name stands for in practice
_MEANT = {
    "": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "7bit": "utf-8", "8bit": "utf-8", "utf8": "utf-8",
    "unknown-8bit": "utf-8", "x-unknown": "utf-8", "default": "utf-8", "iso-8859-1": "windows-1252",
    "latin1": "windows-1252", "iso8859-1": "windows-1252", "gb2312": "gb18030", "gbk": "gb18030",
    "ks-c-5601-1987": "cp949", "euc-kr": "cp949", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932",
    "iso-8859-8-i": "iso-8859-8", "x-gbk": "gb18030", "unicode-1-1-utf-7": "utf-7", "utf-8-sig": "utf-8",
}  # fmt: skip

UNSHOWN = "\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
"""For a set of re: controls, and what turns the direction of the text that follows."""


def decoded_text(data: bytes, charset: bytes) -> str:
    r"""The text that these bytes are in that character set, whose name may be anything.

    >>> decoded_text(b"Zo\xeb", b"ISO-8859-1"), decoded_text(b"Zo\xc3\xab", b"us-ascii"), decoded_text(b"\xeb", b"x")
    ('Zoë', 'Zoë', 'ë')
    """
    name = charset.strip(b" \t\"'").decode("latin-1").lower().replace("_", "-")
    name = _MEANT.get(name, name)
    if name.isascii() and len(name) <= _CHARSET_LETTERS and name not in _REFUSED and name.replace("-", "").isalnum():
        try:
            return data.decode(name)
        except (LookupError, UnicodeError):
            if name != "utf-8" and not _is_single_byte(name):
                return _tolerant(data, name)
    return _guessed(data)


def _is_single_byte(name: str) -> bool:
    return name.startswith(("iso-8859", "windows", "cp125", "koi8", "mac", "ibm"))


def _tolerant(data: bytes, name: str) -> str:
    try:
        return data.decode(name, "replace")
    except (LookupError, UnicodeError):
        return _guessed(data)


def _guessed(data: bytes) -> str:
    """UTF-8 gives itself away; whatever else there is looks like Windows' Latin letters."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("windows-1252", "replace")


def is_shown(character: str) -> bool:
    """Whether a character may stand in a line.

    >>> [is_shown(one) for one in ("a", "\\x1b", "\\u202e", "\\u2067", "ë")]
    [True, False, False, False, True]
    """
    code = ord(character)
    return not (code < 32 or 127 <= code < 160 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069)
