"""The QMQP service: whoever may use it queues what he likes, as if he had a queue of his own. (qmail-qmqpd(8))

So it is closed to everybody but those whom a rule of control/tcprules.qmqp allows, or who have a key that
control/tlsclients lists, or who may write to its UNIX socket.
"""

from __future__ import annotations

from qmtwist.control import grammar
from qmtwist.control.settings import AccessSettings
from qmtwist.services.door.listen import NO_ACCESS, Peer
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.tls.incoming import IncomingTls
from qmtwist.wire.package import Limits
from qmtwist.wire.qmqp import QmqpServer
from qmtwist.wire.smtp.server import HOP_LIMIT

from .clerk import Caller, PackageClerk
from .factory import PackageFactory, PackageSettings

RECIPIENTS = 100_000  # of one message: mailing lists come this way


class QmqpFactory(PackageFactory):
    """The QMQP service. Made by `make_qmqp_service`; lives as long as the daemon."""

    word = b"qmqp"
    is_closed = True
    _local = b""

    def configure(
        self,
        settings: PackageSettings,
        localhost: bytes | None,
        access: AccessSettings = NO_ACCESS,
        tls: IncomingTls | None = None,
    ) -> None:
        """Settings for the connections that come from now on. `localhost` is our name in the Received field.

        :raises OSError, Malformed: the rules for clients cannot be used; nothing has changed.
        """
        self.use(settings, access, tls)
        self._local = localhost or b""

    def make(self, caller: Caller) -> tuple[QmqpServer, PackageClerk]:
        """A session and its clerk; a rule's DATABYTES counts, nothing else is checked of those who are trusted."""
        databytes = grammar.parse_number(caller.peer.variables.get(b"DATABYTES", b"0")) or 0
        core = QmqpServer(Limits(databytes, RECIPIENTS, HOP_LIMIT))
        return core, PackageClerk(self.staff, core, caller, b"QMQP", self._local)

    def is_welcome(self, peer: Peer) -> bool:
        """Those whom a rule of QMQP's own allows, or one that lets them relay."""
        return peer.rule.startswith(b"tcprules.qmqp") or (bool(peer.rule) and b"RELAYCLIENT" in peer.variables)


def make_qmqp_service(
    staff: Staff,
    settings: PackageSettings,
    localhost: bytes | None,
    access: AccessSettings = NO_ACCESS,
    tls: IncomingTls | None = None,
) -> QmqpFactory:
    """The QMQP service, for any stream endpoint; at a reload call its `configure`, at a stop its `drain`.

    :raises OSError, Malformed: the rules for clients cannot be used.
    """
    service = QmqpFactory(staff)
    service.configure(settings, localhost, access, tls)
    return service
