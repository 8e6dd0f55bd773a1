"""A home for agents/remote/deliver: how its mail is routed, and one delivery out of it."""

from __future__ import annotations

import os
from pathlib import Path

from qmtwist.agents.remote.deliver import Delivery, Order
from qmtwist.agents.remote.message import Message
from qmtwist.control.remote import load_remote
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.wire.remotereport import Result
from tests.support.peers import Peer

TEXT = b"Subject: x\n\nbody\n.dot\n"
NOT_CONNECTED = b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"


class Home:
    """A home with nothing in it but what qmail-remote needs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "control").mkdir()
        (path / "queue" / "lock").mkdir(parents=True)
        (path / "queue" / "lock" / "tcpto").write_bytes(bytes(1024))
        (path / "queue" / "lock" / "tcpto6").write_bytes(bytes(2048))
        self.dead_hosts = DeadHosts(str(path / "queue" / "lock" / "tcpto"))
        self.put("me", "mail.example.org\n")

    def put(self, name: str, text: str) -> None:
        (self.path / "control" / name).write_text(text)

    def route(self, *peers: Peer) -> None:
        """All mail goes there."""
        self.put("smtproutes", "".join(f":{peer.route}\n" for peer in peers))

    def send(
        self,
        *recipients: bytes,
        host: bytes = b"far.example",
        sender: bytes = b"s@example.org",
        text: bytes = TEXT,
    ) -> Result:
        descriptor = os.memfd_create("message")
        try:
            os.write(descriptor, text)
            os.lseek(descriptor, 0, os.SEEK_SET)
            return self.deliver(Message(descriptor), Order(host, sender, recipients or (b"joe@far.example",)))
        finally:
            os.close(descriptor)

    def deliver(self, message: Message, order: Order) -> Result:
        with message:
            return Delivery(load_remote(str(self.path)), self.dead_hosts, order, message).run()
