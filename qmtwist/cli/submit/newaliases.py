"""newaliases: says which program makes the aliases database, as sendmail under this name does"""

from __future__ import annotations

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """See sendmail."""
    return run(b"newaliases", arguments, home)
