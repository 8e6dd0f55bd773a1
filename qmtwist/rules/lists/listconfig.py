"""The file config of a list, by which ezmlm-make knows later how it was made: lines of a letter, a colon and a text.

    F  the switches, in lower case if they are on     D  the list's directory      T  its .qmail file
    L  its name                                       H  its host                  C  the code for digests
    0, 3 to 9  the arguments of these switches        X  where texts come from

That is how ezmlm-idx has it up to version 6; later ones have a file `flags`, or nothing.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

_ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
_DIGITS = b"03456789"
_NO_SWITCHES = b"cev"  # letters of F that are none


class Config(NamedTuple):
    """What is known of a list: `letters` are the switches that are on, in lower case."""

    letters: bytes = b""
    dot: bytes = b""
    local: bytes = b""
    host: bytes = b""
    code: bytes = b""
    arguments: tuple[tuple[bytes, bytes], ...] = ()
    source: bytes = b""


def config_text(directory: bytes, config: Config) -> bytes:
    r"""The file.

    >>> config_text(b"/l", Config(b"ad", b"/.qmail-l", b"l", b"h", arguments=((b"5", b"joe@h"),))).splitlines()[:3]
    [b'F:-aBCdEFGHIJKLMNOPQRSTUVWXYZ', b'X:', b'D:/l']
    """
    flags = bytes([letter if letter in config.letters else letter - 32 for letter in _ALPHABET])
    lines = [(b"F", b"-" + flags), (b"X", config.source), (b"D", directory), (b"T", config.dot), (b"L", config.local)]
    lines += [(b"H", config.host), (b"C", config.code)]
    for digit in [_DIGITS[at : at + 1] for at in range(len(_DIGITS))]:
        lines.append((digit, dict(config.arguments).get(digit, b"")))
    return b"".join([b"%s:%s\n" % line for line in lines])


def read_config(text: bytes) -> Config:
    r"""What a file says; it ends with the first line that is none.

    >>> config = Config(b"ad", b"/.qmail-l", b"l", b"h", b"Sesame", ((b"5", b"joe@h"),))
    >>> read_config(config_text(b"/l", config)) == config
    True
    """
    found: dict[bytes, bytes] = {}
    for line in text.split(b"\n"):
        letter, colon, value = line.partition(b":")
        if line[:1] == b"#":
            continue
        if len(letter) != 1 or not colon:
            break
        found[letter] = value
    arguments = tuple([(digit, value) for digit, value in found.items() if digit.isdigit() and value])
    dot, local, host, code = (found.get(letter, b"") for letter in (b"T", b"L", b"H", b"C"))
    return Config(switches(found.get(b"F", b"")), dot, local, host, code, arguments, found.get(b"X", b""))


def switches(flags: bytes) -> bytes:
    """The switches that are on in a text with all of them.

    >>> switches(b"-aBcdEF")
    b'ad'
    """
    return bytes(sorted({letter for letter in flags if letter in _ALPHABET and letter not in _NO_SWITCHES}))
