"""Tell systemd how we are: ready, reloading, stopping, alive. (sd_notify(3))"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Notifier:
    """Made by `assemble`; says nothing where nobody wants to hear it. Never waits, and never fails.

    Takes its variables out of the environment, so that no program of ours speaks in our name.
    """

    def __init__(self, reactor: IReactorTime, environ: MutableMapping[str, str] = os.environ) -> None:
        path = environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        watched_us = environ.pop("WATCHDOG_USEC", "")
        watched_pid = environ.pop("WATCHDOG_PID", str(os.getpid()))
        is_watched = watched_us.isdigit() and int(watched_us) > 0 and watched_pid == str(os.getpid())
        self._alive_s = int(watched_us) / 2e6 if is_watched else 0.0
        self._alive = LoopingCall(self.say, "WATCHDOG=1")
        self._alive.clock = reactor

    def ready(self) -> None:
        """We serve."""
        self.say("READY=1")
        if self._alive_s and self._socket is not None and not self._alive.running:
            self._alive.start(self._alive_s)

    def reloading(self) -> None:
        """Control is reread; `ready` follows."""
        self.say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Nothing new is taken; what runs ends."""
        self.say("STOPPING=1")

    def say(self, *lines: str) -> None:
        """One datagram; lost if nobody reads."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)

    def close(self) -> None:
        """We have ended."""
        if self._alive.running:
            self._alive.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
