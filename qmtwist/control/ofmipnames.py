"""control/ofmipname.cdb: what From becomes in mail of known senders. (ofmipname(1) of mess822)"""

from __future__ import annotations

from .morehosts import MoreHosts


class OfmipNames(MoreHosts):
    """Looks senders up in a database that ofmipname made; one that is not there knows nobody."""

    def get(self, address: bytes) -> bytes | None:
        """The name, a NUL and the address of this sender, if he is known. Raises like calling it."""
        reader = self._current()
        return None if reader is None else reader.get(address)
