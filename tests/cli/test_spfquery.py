"""spfquery: what it prints, by a DNS server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.cli.dns.spfquery import main
from tests.support.zone import Fault, Zone

ZONE = """
a.example. TXT "v=spf1 ip4:192.0.2.7 -all exp=why.a.example"
why.a.example. TXT "%{i} is not ours"
two.example. TXT "v=spf1 -all"
two.example. TXT "v=spf1 +all"
mx.far.example. TXT "v=spf1 a -all"
mx.far.example. A 192.0.2.9
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path


def ask(home: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """The exit status and the lines, the field's without its continuations."""
    with Zone(ZONE) as zone:
        zone.faults["slow.example"] = Fault.SERVFAIL
        (home / "control" / "nameservers").write_text(zone.nameserver + "\n")
        status = main([word.encode() for word in words], str(home))
    lines = "".join(capfd.readouterr()).splitlines()
    return status, [line for line in lines if not line.startswith(" ")]


def test_the_result_and_what_decided(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "control" / "me").write_text("us.example\n")
    field = "Received-SPF: pass (us.example: domain of joe@a.example designates 192.0.2.7 as permitted sender)"
    assert ask(home, capfd, "192.0.2.7", "x", "joe@a.example") == (0, ["pass", "ip4:192.0.2.7", field])
    said = ask(home, capfd, "192.0.2.8", "x", "joe@a.example")
    assert said[0] == 0 and said[1][:3] == ["fail", "-all", "192.0.2.8 is not ours"]
    assert ask(home, capfd, "192.0.2.9", "mx.far.example", "")[1][:2] == ["pass", "a"]


def test_what_went_wrong(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ask(home, capfd, "::1", "x", "joe@two.example")[1][:2] == ["permerror", "it has several SPF records"]
    said = ask(home, capfd, "192.0.2.8", "x", "joe@slow.example")
    assert said[0] == 111 and said[1][:2] == ["temperror", "DNS does not answer for slow.example"]
    assert ask(home, capfd, "192.0.2.8", "x", "joe@gone.example")[1][0] == "none"


def test_our_own_rules_count(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "control" / "spfrules").write_text("# our second MX\nip4:192.0.2.8\n")
    assert ask(home, capfd, "192.0.2.8", "x", "joe@a.example")[1][:2] == ["pass", "local policy"]
    (home / "control" / "spfrules").write_text("192.0.2.8\n")
    status, (line,) = ask(home, capfd, "192.0.2.8", "x", "joe@a.example")
    assert status == 100 and "control/spfrules" in line
    (home / "control" / "spfrules").unlink()
    (home / "control" / "spfrules").mkdir()
    assert ask(home, capfd, "192.0.2.8", "x", "joe@a.example")[0] == 111


@pytest.mark.parametrize("words", [(), ("192.0.2.1", "x"), ("mx.example", "x", "joe@a.example")])
def test_wrong_use(home: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert ask(home, capfd, *words) == (100, ["spfquery: usage: spfquery ip helo sender"])
