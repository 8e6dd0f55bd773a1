"""A limit of QMTP or QMQP is one of the service, in clear and inside TLS together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress

from qmtwist.services.qmtp.packages import PackageProtocol
from tests.support.package_service import Client, PackageHouse, package


class House(PackageHouse):
    """QMTP in both forms."""

    def __init__(self, directory: Path, **access: Any) -> None:
        super().__init__("qmtps", {"directory": str(directory), **access}, packages={"concurrency": 3})

    def knock_at(self, form: str, host: str = "192.0.2.7") -> PackageProtocol | None:
        """A session of the form `clear` or `secure`; None: turned away."""
        address = UNIXAddress(b"") if host == "here" else IPv4Address("TCP", host, 9)
        listener = self.service.clear if form == "clear" else self.service.secure
        session = listener.buildProtocol(address)
        if not isinstance(session, PackageProtocol):
            return None
        Client(session)
        return session


def test_the_connections_of_both_forms_are_counted_together(tmp_path: Path) -> None:
    house = House(tmp_path)
    sessions = [house.knock_at(form) for form in ("clear", "secure", "clear")]
    assert all(sessions) and house.knock_at("secure", "192.0.2.8") is None
    assert house.lines == [b"qmtp: 192.0.2.8 turned away: too many connections"]
    assert sessions[2] is not None
    sessions[2].connectionLost()
    assert house.knock_at("secure", "192.0.2.8")


def test_those_who_come_by_a_socket_are_not_shut_out_by_those_who_are_far_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert all(house.knock_at("clear") for _ in range(3))
    assert all(house.knock_at("clear", "here") for _ in range(3)) and house.knock_at("clear", "here") is None


@pytest.mark.parametrize("limit", ["per_network", "connections_per_minute", "network_connections_per_minute"])
def test_a_client_does_not_come_in_twice_as_often_by_taking_both_doors(tmp_path: Path, limit: str) -> None:
    house = House(tmp_path, **{limit: 2})
    assert [bool(house.knock_at(form)) for form in ("clear", "secure", "secure", "clear")] == [True, True, False, False]


def test_nor_does_he_send_twice_as_many_messages(tmp_path: Path) -> None:
    house = House(tmp_path, messages_per_hour=2)
    clear, secure = house.knock_at("clear"), house.knock_at("secure")
    assert clear is not None and secure is not None
    secure.handshakeCompleted()
    for session in (clear, secure, secure):
        session.dataReceived(package(b"ann@example.org"))
    assert len(house.intake.queued) == 2
    assert house.lines[-1].startswith(b"qmtps 2: 192.0.2.7:9 refused the message: Z")
