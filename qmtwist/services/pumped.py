"""What the sessions of SMTP, QMTP and QMQP share: when the pump runs, and when something is read."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .wire import Wire


class Pumped(ABC):
    """Half of a protocol, whose other half has `_pump` and `_fail` and sets `_wire` when its connection is made.

    It is an `IPushProducer` to its transport and may be half closed: who sends nothing more still gets his answers.
    """

    _wire: Wire
    _is_pumping = False
    _is_congested = False  # the client does not read
    _is_eof = False  # the client sends nothing more
    _is_reading = True
    _is_over = False  # its end has been logged
    _is_lost = False  # there is no connection any more

    # -- what the transport tells us

    def readConnectionLost(self) -> None:
        """The client sends nothing more, but still reads: everything it sent gets its answer."""
        self._is_eof = True
        self._run()

    def writeConnectionLost(self) -> None:  # noqa: B027  # of interest to nobody
        """We have closed our side."""

    def pauseProducing(self) -> None:
        """The client does not read what we say: we do not read what it says."""
        self._is_congested = True
        self._set_reading(False)

    def resumeProducing(self) -> None:
        """What we said is read."""
        self._is_congested = False
        self._run()

    def stopProducing(self) -> None:  # noqa: B027  # likewise
        """The transport is closing; connectionLost follows."""

    # -- the pump

    def _run(self) -> None:
        if self._is_pumping or self._is_lost:
            return
        self._is_pumping = True
        try:
            self._pump()
        except Exception:  # a bug ends one session, never the daemon, and nothing is acknowledged
            self._fail()
        finally:
            self._is_pumping = False

    def _set_reading(self, is_wanted: bool) -> None:
        if self._is_reading is not is_wanted and not (self._is_eof or self._is_over):
            self._is_reading = is_wanted
            if is_wanted:
                self._wire.resumeProducing()
            else:
                self._wire.pauseProducing()

    @abstractmethod
    def _pump(self) -> None:
        """Serve what has come."""

    @abstractmethod
    def _fail(self) -> None:
        """There is a bug: called inside an `except`."""
