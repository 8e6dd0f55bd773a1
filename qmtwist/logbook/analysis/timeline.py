"""Deliveries over time, in bounded memory: steps grow with what there is to hold."""

from __future__ import annotations

from .histories import DEFERRAL, FAILURE, SUCCESS

_LIMIT = 8192  # steps held
_BASES = (1, 10, 60, 600, 3600, 21600, 86400, 604800, 31449600)  # seconds; each divides the next
_SHOWN = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
          1209600, 31449600)  # fmt: skip
_PLACES = {SUCCESS: 0, DEFERRAL: 1, FAILURE: 2}
Step = tuple[int, int, int, int]
"""When it begins, in POSIX seconds; successes, deferrals, failures."""


class Timeline:
    """Made once per analysis; add deliveries in any order, then ask for steps."""

    def __init__(self) -> None:
        self._base = 1
        self._counts: dict[int, list[int]] = {}

    def add(self, instant: float, kind: bytes) -> None:
        """Count a delivery that ended at `instant`."""
        key = int(instant) // self._base
        row = self._counts.get(key)
        if row is None:
            row = self._counts[key] = [0, 0, 0]
            if len(self._counts) > _LIMIT:
                self._coarsen()
                row = self._counts[int(instant) // self._base]
        row[_PLACES[kind]] += 1

    def steps(self, at_most: int = 60) -> tuple[int, list[Step]]:
        """The length of a step in seconds, and all steps from the first to the last, also empty ones."""
        if not self._counts:
            return self._base, []
        first, last = min(self._counts) * self._base, max(self._counts) * self._base
        fitting = [step for step in _SHOWN if step % self._base == 0 and last // step - first // step < at_most]
        length = fitting[0] if fitting else (last - first) // at_most + 1
        merged = {place: [0, 0, 0] for place in range(first // length, last // length + 1)}
        for key, row in self._counts.items():
            _add(merged[key * self._base // length], row)
        return length, [(place * length, row[0], row[1], row[2]) for place, row in merged.items()]

    def _coarsen(self) -> None:
        """To the next base that leaves room; with the last one there is no limit."""
        place = _BASES.index(self._base)
        while place + 1 < len(_BASES) and len(self._counts) > _LIMIT // 2:
            place += 1
            factor, self._base = _BASES[place] // self._base, _BASES[place]
            old, self._counts = self._counts, {}
            for key, row in old.items():
                _add(self._counts.setdefault(key // factor, [0, 0, 0]), row)


def _add(row: list[int], more: list[int]) -> None:
    for place, count in enumerate(more):
        row[place] += count
