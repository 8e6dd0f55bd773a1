"""Deliveries that need a process of their own, and wait until the daemon lets them have one.

Deliveries into maildirs are done one after the other by the worker itself, however many orders it holds; a program, an
mbox or a forward costs a process, and of those no more than concurrencylocal may run at once, over all users. Only
the daemon can count that.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable
from qmtwist.store import content
from qmtwist.store.content import Handed

Start = Callable[[Handed], None]


class Held:
    """Made by a worker; what is left when it ends was never begun."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Handed, Start]] = {}

    def keep(self, number: int, message: Handed, start: Start) -> None:
        """Hold an order; its message is kept open until then.

        :raises OSError: no descriptor is to be had.
        """
        self._waiting[number] = (content.kept(message), start)

    def go(self, number: int) -> None:
        """The daemon says so; one that is not held is not begun."""
        message, start = self._waiting.pop(number, (b"", None))
        if start is None:
            return
        try:
            start(message)
        finally:
            content.close(message)
