"""The options of ezmlm-store, which ezmlm-gate hands on."""

from __future__ import annotations

from qmtwist.agents.lists.moderate import Terms
from qmtwist.mail.shapes import Mapping


def terms(values: Mapping[bytes, bytes]) -> Terms:
    """What they say about messages."""

    def said(on: bytes, off: bytes) -> bool | None:
        found = [letter for letter in values if letter in (on, off)]
        return found[-1] == on if found else None

    return Terms(confirms=said(b"y", b"Y"), is_for_moderators=said(b"P", b"p"))
