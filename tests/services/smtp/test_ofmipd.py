"""services/smtp/ofmipd.py: SMTP for mail readers whom a rule lets in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from qmtwist.control.settings import AccessSettings, OfmipSettings
from qmtwist.mail.errors import Temporary
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.smtp.ofmipd import OfmipFactory
from qmtwist.services.smtp.smtpd import SmtpProtocol
from qmtwist.store import cdb
from tests.support.fake_intake import FakeIntake
from tests.support.smtp_service import NOW, SETTINGS, Client, FakeCheck

OPENING = b"MAIL FROM:<joe@sun>\r\nRCPT TO:<a@b.c>\r\nRCPT TO:<q>\r\nDATA\r\n"
BODY = b"To: a@b.c, q\r\nBcc: z@z.z\r\nSubject: s\r\n\r\n..dot\nbare lf\r\n.\r\n"
OFMIP = OfmipSettings(defaulthost=b"h.example", defaultdomain=b"example", plusdomain=b"plus", idhost=b"id")


class House:
    """The service and all it talks to, with rules for clients in a directory."""

    def __init__(self, directory: Path, rules: str = ":allow\n", ofmip: OfmipSettings = OFMIP, **smtp: object) -> None:
        (directory / "tcprules.ofmip").write_text(rules)
        self.clock = Clock()
        self.clock.advance(NOW)
        self.intake = FakeIntake()
        self.lines: list[bytes] = []
        self.factory = OfmipFactory(Staff(self.clock, self.intake, FakeCheck(), self.lines.append, 1002))
        self.access = AccessSettings(str(directory), 1, False)
        self.factory.use(attrs.evolve(SETTINGS, **smtp), ofmip, self.access)

    def knock(self) -> object:
        """What the factory makes of a connection."""
        return self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 5))

    def connect(self) -> Client:
        client = Client(cast(SmtpProtocol, self.knock()))
        client.said()
        return client


def test_only_those_whom_a_rule_allows_come_in(tmp_path: Path) -> None:
    house = House(tmp_path, "10.:allow\n")
    assert house.knock() is None
    assert b"no rule of control/tcprules.ofmip allows it" in house.lines[0]
    (tmp_path / "tcprules.ofmip").unlink()
    (tmp_path / "tcprules").write_text('192.0.2.:allow,RELAYCLIENT=""\n')
    house.factory.use(SETTINGS, OFMIP, house.access)
    assert house.knock() is not None


def test_a_message_is_put_into_order_and_logged(tmp_path: Path) -> None:
    house = House(tmp_path)
    client = house.connect()
    assert client.codes(OPENING) == [250, 250, 250, 354] and client.codes(BODY) == [250]
    client.send(b"QUIT\r\n")
    (draft,) = house.intake.drafts
    assert draft.envelope == (b"joe@sun.example", (b"a@b.c", b"q@h.example"))
    top, _, rest = draft.data.partition(b"\n")
    assert top == b"Received: (ofmipd 192.0.2.7); 21 Nov 2026 05:13:49 -0000"
    assert (
        rest.endswith(b"\nFrom: joe@sun.example\nTo: a@b.c, q@h.example\nSubject: s\n\n.dot\nbare lf\n")
        and b"Message-ID: <20261121051349.1." in rest
    )
    client.lose()
    accepted, closed = house.lines
    assert accepted.startswith(b"ofmip 1: 192.0.2.7:5 accepted ") and b" from <joe@sun.example> for 2, " in accepted
    assert closed == b"ofmip 1: 192.0.2.7:5 closed: quit, 1 accepted, rule tcprules.ofmip:1"


def test_known_senders_get_their_names(tmp_path: Path) -> None:
    path = str(tmp_path / "names.cdb")
    cdb.write(path, path + ".tmp", [(b"joe@sun.example", b"Joe\0J@x.org")])
    house = House(tmp_path, ofmip=attrs.evolve(OFMIP, names=path))
    client = house.connect()
    client.send(OPENING)
    client.send(BODY)
    (draft,) = house.intake.drafts
    assert (
        draft.envelope is not None
        and draft.envelope.sender == b"J@x.org"
        and b'\nFrom: "Joe" <J@x.org>\n' in draft.data
    )
    Path(path).write_bytes(b"\xff" * 3000)
    assert client.send(OPENING) == b"451 unable to read cdb (#4.3.0)\r\n"
    assert client.is_closed and b"control/ofmipname.cdb: " in house.lines[-1]


def test_what_smtp_cannot_name_is_refused(tmp_path: Path) -> None:
    client = House(tmp_path).connect()
    assert client.codes(b"RCPT TO:<a@b>\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\n") == [503, 250, 555]
    assert client.codes(b"RCPT TO:<" + b"x" * 895 + b">\r\n") == [555]


def test_a_header_without_end_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    house = House(tmp_path)
    client = house.connect()
    client.send(OPENING)
    begun = time.process_time()
    for _ in range(40):
        client.send(b"To: " + b"(," * 32768 + b"\r\n")
    assert client.codes(b".\r\n") == [554]
    assert time.process_time() - begun < 5
    assert house.intake.drafts[0].is_abandoned and b" refused the message: 554 header too long" in house.lines[-1]
    assert client.codes(OPENING) == [250, 250, 250, 354]


def test_a_rule_can_keep_a_client_out_and_limit_his_messages(tmp_path: Path) -> None:
    client = House(tmp_path, ':allow,RBLSMTPD="-go away",DATABYTES="10"\n').connect()
    assert client.send(OPENING).endswith(b"553 go away\r\n553 go away\r\n503 RCPT first (#5.5.1)\r\n")
    house = House(tmp_path, ':allow,DATABYTES="10"\n')
    client = house.connect()
    assert client.codes(OPENING + BODY) == [250, 250, 250, 354, 552]


def test_trouble_with_the_queue_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.intake.commit_error = Temporary("disk full", "4.3.1")
    client = house.connect()
    assert client.codes(OPENING + BODY) == [250, 250, 250, 354, 452]
    house.intake.open_error = Temporary("stopping", "4.3.2")
    assert client.codes(OPENING) == [250, 250, 250, 451]


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_a_reload_counts_for_the_next_session(tmp_path: Path, ending: bytes) -> None:
    house = House(tmp_path)
    before = house.connect()
    house.factory.use(SETTINGS, attrs.evolve(OFMIP, rewrite=(b"=:new.example",)), house.access)
    after = house.connect()
    for client in (before, after):
        client.send((OPENING + b"\r\nx\r\n.\r\n").replace(b"\r\n", ending))
    old, new = [draft.envelope.recipients[1] for draft in house.intake.drafts if draft.envelope is not None]
    assert (old, new) == (b"q@h.example", b"q@new.example")


def test_a_client_too_many_is_told(tmp_path: Path) -> None:
    house = House(tmp_path, ofmip=attrs.evolve(OFMIP, concurrency=1))
    house.connect()
    client = Client(cast(SmtpProtocol, house.knock()))
    assert client.said().startswith(b"421 ")
