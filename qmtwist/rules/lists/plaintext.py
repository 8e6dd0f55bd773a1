"""A message as plain text, for those who want digests without parts. Imported when somebody does."""

from __future__ import annotations

from qmtwist.rules.webarchive.mime import Part, parse
from qmtwist.rules.webarchive.prose import plain

_TEXTS = ("text/plain", "text/html")


def readable(text: bytes) -> bytes:
    r"""The body of a message as UTF-8: its texts as they are meant, everything else by its name.

    >>> readable(b"Content-Type: text/plain; charset=iso-8859-1\n\nZo\xeb\n").decode()
    'Zoë\n'
    """
    parsed = parse(text)
    said = [_shown(part) for part in parsed.parts if part.data]
    if parsed.is_cut:
        said.append("[the rest of this message is not shown]\n")
    return "\n".join(said).encode("utf-8", "replace")


def _shown(part: Part) -> str:
    if part.kind in _TEXTS and not part.is_attached:
        return plain(part).strip("\n") + "\n"
    name = " ".join([part.kind, *part.name.split()])
    return f"[{name}]\n"
