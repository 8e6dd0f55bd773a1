"""Copy bytes in both directions between descriptors, changing or recording them on the way."""

from __future__ import annotations

import os
import select

from qmtwist.agents import pathexec
from qmtwist.mail.shapes import Callable, Iterable, Mapping, NoReturn, Protocol

_TROUBLE = select.POLLERR | select.POLLHUP | select.POLLNVAL
PIECE_BYTES = 4096  # PIPE_BUF: a descriptor that is ready takes so many without blocking


class Change(Protocol):
    """What becomes of the bytes (wire/carriage)."""

    def feed(self, data: bytes) -> bytes:
        """What these become."""

    def end(self) -> bytes:
        """What was held back until the end."""


class Unchanged:
    """Nothing becomes of them."""

    def feed(self, data: bytes) -> bytes:
        """The same."""
        return data

    def end(self) -> bytes:
        """Nothing was held back."""
        return b""


def _ignore(_: bytes) -> None:
    return


class Flow:
    """One direction: from `source` to `sink`. `note` sees what was read, and b"" at its end.

    When everything has passed, or the sink takes no more, `leave` is called with the sink, which by default is closed.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        change: Change | None = None,
        note: Callable[[bytes], None] = _ignore,
        leave: Callable[[int], None] = os.close,
    ) -> None:
        self.source, self.sink = source, sink
        self.is_over = False
        self._change: Change = change or Unchanged()
        self._note, self._leave = note, leave
        self._waiting = b""
        self._has_ended = False

    def wants(self) -> tuple[int, int] | None:
        """The descriptor and the event that it waits for; None when it is over."""
        if self.is_over:
            return None
        return (self.sink, select.POLLOUT) if self._waiting else (self.source, select.POLLIN)

    def step(self) -> None:
        """What it waited for has come."""
        try:
            if self._waiting:
                self._waiting = self._waiting[os.write(self.sink, self._waiting[:PIECE_BYTES]) :]
            else:
                self._read()
        except OSError:  # whoever reads there has gone
            self._waiting, self._has_ended = b"", True
        if self._has_ended and not self._waiting:
            self.is_over = True
            self._leave(self.sink)

    def _read(self) -> None:
        try:
            data = os.read(self.source, PIECE_BYTES)
        except ConnectionError:
            data = b""
        self._note(data)
        self._has_ended = not data
        self._waiting = self._change.feed(data) if data else self._change.end()


def run(flows: Iterable[Flow], deciding: Flow) -> None:
    """Until the deciding flow is over. Of flows that are ready at once the first comes first."""
    while not deciding.is_over:
        waiting = [(flow, *wanted) for flow in flows if (wanted := flow.wants()) is not None]
        masks: dict[int, int] = {}
        for _, descriptor, event in waiting:  # a socket may be the source of one and the sink of another
            masks[descriptor] = masks.get(descriptor, 0) | event
        poll = select.poll()
        for descriptor, mask in masks.items():
            poll.register(descriptor, mask)
        ready = dict(poll.poll())
        for flow, descriptor, event in waiting:
            if ready.get(descriptor, 0) & (event | _TROUBLE):
                flow.step()


def stand_between(
    command: list[bytes], environ: Mapping[bytes, bytes], flows: Callable[[int, int], tuple[Flow, Flow]]
) -> OSError:
    """Become a program, whose descriptors 0 and 1 lead to a child that copies between them and ours.

    `flows` makes the directions, given the descriptors to write to the program and to read from it: in, then out. The
    child is over when the program writes no more. Coming back, this tells why that cannot be.
    """
    try:
        to_read, to_program = os.pipe()
        from_program, to_write = os.pipe()
        pid = os.fork()
    except OSError as error:
        return error
    if not pid:
        os.close(to_read)
        os.close(to_write)
        _copy(lambda: flows(to_program, from_program))
    os.close(to_program)
    os.close(from_program)
    os.dup2(to_read, 0)
    os.dup2(to_write, 1)
    return pathexec.become(command, environ)


def _copy(make: Callable[[], tuple[Flow, Flow]]) -> NoReturn:
    status = 111
    try:
        inward, outward = make()
        run((inward, outward), outward)
        status = 0
    finally:
        os._exit(status)
