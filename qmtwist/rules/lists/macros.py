"""What stands for something else in the texts of a list, as ezmlm-idx has it."""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping

_REVISION = b"# Revision:"


def filled(text: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """A text with a value in the place of every `<#x#>`; what has none is left out.

    >>> filled(b"a <#A#>, <#?#>b <#", {b"A": b"joe@x.y"})
    b'a joe@x.y, b <#'
    """
    pieces = text.split(b"<#")
    made = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece[:1], piece[1:]
        made.append(values.get(name, b"") + rest[2:] if name and rest[:2] == b"#>" else b"<#" + piece)
    return b"".join(made)


def sections(text: bytes, flags: bytes) -> bytes:
    r"""The parts of a text that are for a list made with these letters, small ones for switches that are on.

    Behind a line `<=dR=>` what follows is for lists with -d and without -r, behind `<==>` for all.

    >>> sections(b"# Revision: 1\na\n<=dR=>\nb\n<=r=>\nc\n<==>\nd\n", b"ad")
    b'a\nb\nd\n'
    """
    lines = text.split(b"\n")
    if lines[0].startswith(_REVISION):
        del lines[0]
    kept, is_shown = [], True
    for line in lines:
        if line.startswith(b"<=") and line.endswith(b"=>"):
            letters = line[2:-2].decode("latin-1")
            is_shown = all((letter.lower().encode("latin-1") in flags) == (not letter.isupper()) for letter in letters)
        elif is_shown:
            kept.append(line)
    return b"\n".join(kept)
