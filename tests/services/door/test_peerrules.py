"""services/door/peerrules.py: many rules are read without keeping anybody waiting."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.task import Clock, deferLater

from qmtwist.control.settings import AccessSettings
from qmtwist.rules import tcprules
from qmtwist.rules.peers import lookup
from qmtwist.services.door.peerrules import SLICE, PeerRules
from qmtwist.store import cdb
from tests.support.smtp_service import SmtpHouse

MANY = 5000
RCPT = b"RCPT TO:<x@far.example>\r\n"


def rules(count: int, *first: bytes) -> bytes:
    """So many rules about hosts that are nobody's, behind others."""
    return b"".join([*first, *(b"10.%d.%d.1:allow\n" % divmod(number, 256) for number in range(count))])


def is_denied(read: PeerRules) -> bool:
    return lookup(read.now()[0], b"192.0.2.1", None, None).is_denied


def write(path: Path, text: bytes) -> None:
    """As a text or, by its name, as a cdb."""
    if path.suffix != ".cdb":
        path.write_bytes(text)
        return
    records = [(key, tcprules.encode(rule)) for rule in tcprules.read(text) for key in rule.keys]
    cdb.write(str(path), f"{path}.tmp", records)


@pytest.mark.parametrize("name", ["tcprules.smtp", "tcprules.cdb"])
@pytest_twisted.ensureDeferred
async def test_while_5000_rules_are_read_the_reactor_turns_and_the_old_ones_count(tmp_path: Path, name: str) -> None:
    lines: list[bytes] = []
    read = PeerRules(str(tmp_path), "smtp", reactor, lines.append)
    write(tmp_path / name, rules(MANY, b"192.0.2.1:deny\n"))
    read.look()
    turns = 0
    while not is_denied(read):
        assert not lines
        await deferLater(reactor, 0, lambda: None)
        turns += 1
    assert turns >= MANY // SLICE - 1
    assert lines == [b"smtp: control/%s: %d rules now" % (name.encode(), MANY + 1)]


def test_a_session_goes_on_while_rules_are_read_and_the_next_client_meets_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "tcprules"
    path.write_bytes(b'192.0.2.:allow,RELAYCLIENT=""\n')
    house = SmtpHouse(AccessSettings(str(tmp_path)))
    early = house.connect("192.0.2.7")
    path.write_bytes(rules(MANY, b"192.0.2.:deny\n"))
    house.pass_time(1)
    between = house.connect("192.0.2.8")  # because of whom the file is looked at
    assert early.codes(b"MAIL FROM:<a@b.example>\r\n", RCPT) == [250, 250]
    assert between.codes(b"MAIL FROM:<a@b.example>\r\n", RCPT) == [250, 250]
    assert house.protocol("192.0.2.9") is not None
    house.pass_time(1)
    assert house.protocol("192.0.2.9") is None
    assert early.codes(b"QUIT\r\n") == [221]


def test_a_mistake_at_the_end_of_many_rules_leaves_the_old_ones_and_one_line(tmp_path: Path) -> None:
    clock, lines = Clock(), []
    (tmp_path / "tcprules").write_bytes(b"192.0.2.1:deny\n")
    read = PeerRules(str(tmp_path), "smtp", clock, lines.append)
    (tmp_path / "tcprules").write_bytes(rules(MANY) + b":maybe\n")
    for _ in range(3):
        clock.advance(1)
        assert is_denied(read)
    assert lines == [
        b"smtp: warning: control/tcprules: line 5001: unable to parse this line: :maybe; the old rules stay"
    ]


def test_a_file_that_changes_while_it_is_read_is_read_anew(tmp_path: Path) -> None:
    clock, lines = Clock(), []
    read = PeerRules(str(tmp_path), "smtp", clock, lines.append)
    (tmp_path / "tcprules").write_bytes(rules(MANY, b"192.0.2.1:deny\n"))
    read.look()
    (tmp_path / "tcprules").write_bytes(rules(MANY))
    read.look()
    clock.advance(1)
    assert not is_denied(read)
    assert lines == [b"smtp: control/tcprules: 5000 rules now"]


def test_a_file_that_goes_while_it_is_read_is_forgotten(tmp_path: Path) -> None:
    clock, lines = Clock(), []
    read = PeerRules(str(tmp_path), "smtp", clock, lines.append)
    (tmp_path / "tcprules").write_bytes(rules(MANY, b"192.0.2.1:deny\n"))
    read.look()
    (tmp_path / "tcprules").unlink()
    read.look()
    clock.advance(1)
    assert not is_denied(read) and not clock.getDelayedCalls()
    assert lines == [b"smtp: no control/tcprules any more"]
