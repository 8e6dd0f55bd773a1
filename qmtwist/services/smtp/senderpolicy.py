"""SPF for the SMTP service: the questions of rules/spf, asked with a limit in time. (RFC 7208)"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from qmtwist.rules.spf.check import TEMPERROR, Asking, Client, Result, check
from qmtwist.services.door.clientnames import Asks

LIMIT_S = 20.0  # RFC 7208 §4.6.4: at least that


class SenderPolicies:
    """Made by `assemble`; lives as long as the server."""

    def __init__(self, clock: IReactorTime, resolver: Asks) -> None:
        self._clock = clock
        self._resolver = resolver

    def check(self, client: Client, extra: bytes = b"") -> Deferred[Result]:
        """Whether the sender's domain lets the client send; `extra` are mechanisms of our own. Only a bug fails it."""
        found: Deferred[Result] = Deferred.fromCoroutine(self._drive(check(client, extra)))
        return found.addTimeout(LIMIT_S, self._clock).addErrback(_too_late)

    async def _drive(self, asking: Asking) -> Result:
        try:
            questions = next(asking)
            while True:
                questions = asking.send(await self._resolver.ask(*questions))
        except StopIteration as end:
            result: Result = end.value
            return result


def _too_late(failure: Failure) -> Result:
    failure.trap(TimeoutError, CancelledError)  # type: ignore[no-untyped-call]
    return Result(TEMPERROR, problem="DNS did not answer in time")
