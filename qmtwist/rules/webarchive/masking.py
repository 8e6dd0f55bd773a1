"""Addresses are shown without their hosts, so that nobody can collect them; those of the list itself stay."""

from __future__ import annotations

import re

_LOCAL = r"(?:[^\s<>()\[\],;:\"'\\/?&|`*@%]{1,64}|\")"
_HOST = r"(?:(?:[^\W_][\w-]{0,62}\.){1,12}[^\W_][\w-]{0,62}|\[[^\]\s]{1,60}\])"
_ADDRESS = re.compile(f"{_LOCAL}(?:@|%40){_HOST}")
_BEHIND = frozenset(("-subscribe", "-unsubscribe", "-help", "-owner", "-index", "-request", "-faq", "-info"))


class Mask:
    """Masks the addresses in texts of one list, whose address is `local`@`host`."""

    def __init__(self, local: str, host: str) -> None:
        self._local = local.lower()
        self._host = host.lower()

    def __call__(self, text: str) -> str:
        """The text with every address cut off at its `@`.

        >>> Mask("friends", "h.example")("Joe <joe@x.example>, friends-help@h.example")
        'Joe <joe@…>, friends-help@h.example'
        """
        return _ADDRESS.sub(self._masked, text) if "@" in text or "%40" in text else text

    def has(self, text: str) -> bool:
        """Whether there is an address to be masked."""
        return self(text) != text

    def _masked(self, found: re.Match[str]) -> str:
        address: str = found[0]
        local, _, host = address.replace("%40", "@").partition("@")
        behind = local.lower().removeprefix(self._local)
        is_ours = local.lower().startswith(self._local) and (not behind or behind in _BEHIND)
        return address if is_ours and host.lower() == self._host else local.partition("=")[0] + "@…"
