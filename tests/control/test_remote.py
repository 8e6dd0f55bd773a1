"""control/remote and remotelines: what those need who send to other hosts, and what may stand in their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.control.load import Complaints, load, load_remote, load_with_warnings

TOP = str(Path(__file__).parents[2])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    put(tmp_path, "me", "mail.example.org\n")
    return tmp_path


def put(home: Path, name: str, text: str) -> None:
    (home / "control" / name).write_text(text)


def complaints(home: Path) -> list[str]:
    with pytest.raises(Complaints) as raised:
        load_remote(str(home))
    return list(map(str, raised.value.complaints))


def warnings(home: Path) -> list[str]:
    return list(map(str, load_with_warnings(str(home)).warnings))


def test_me_alone_is_enough_and_the_server_sees_the_same(home: Path) -> None:
    found = load_remote(str(home))
    assert found.helohost == b"mail.example.org"
    assert (found.smtproutes, found.outgoingip, found.families) == ({}, (), b"ipv4 ipv6")
    assert (found.timeoutconnect_s, found.timeoutremote_s) == (60, 1200)
    assert load(str(home)).remote == found


def test_neither_me_nor_helohost_is_an_error_and_helohost_alone_is_none(home: Path) -> None:
    (home / "control" / "me").unlink()
    assert complaints(home) == ["control/me: is missing; write the full host name into it"]
    put(home, "helohost", "helo.example.org\n")
    assert load_remote(str(home)).helohost == b"helo.example.org"


def test_what_others_need_is_not_read(home: Path) -> None:
    before = load_remote(str(home))
    put(home, "maxerrors", "many\n")
    assert load_remote(str(home)) == before
    with pytest.raises(Complaints, match="maxerrors"):
        load(str(home))


def test_every_file_says_what_it_says(home: Path) -> None:
    put(home, "smtproutes", "a.example:relay:26\n:[2001:db8::1]\n")
    put(home, "qmtproutes", ".near.example:10.0.0.1\nb.example:\n")
    put(home, "tlspolicy", "a.example:verify:mx.example\n:none\n")
    put(home, "outgoingip", "# ours\n192.0.2.1\na.example:2001:db8::1\n")
    put(home, "localaddresses", "192.0.2.7\n2001:db8::7\n")
    put(home, "nameservers", "192.0.2.53\n2001:db8::53 5353\n")
    put(home, "outgoingfamilies", "ipv6\n")
    found = load_remote(str(home))
    assert warnings(home) == []
    assert found.smtproutes == {b"a.example": b"relay:26", b"": b"[2001:db8::1]"}
    assert found.qmtproutes == {b".near.example": b"10.0.0.1", b"b.example": b""}
    assert found.tlspolicy == {b"a.example": b"verify:mx.example", b"": b"none"}
    assert found.outgoingip == (b"192.0.2.1", b"a.example:2001:db8::1")
    assert found.localaddresses == (b"192.0.2.7", b"2001:db8::7")
    assert found.nameservers == (b"192.0.2.53", b"2001:db8::53 5353")
    assert found.families == b"ipv6"


def test_a_route_that_leads_nowhere_is_warned_about_in_smtproutes_and_refused_in_qmtproutes(home: Path) -> None:
    text = "a.example:relay:\nb.example:relay:25\nc.example:2001:db8::1\n"
    put(home, "smtproutes", text)
    reasons = [
        "1: 'a.example:relay:': the port after the colon must be a number from 1 to 65535",
        "3: 'c.example:2001:db8::1': an IPv6 address stands in brackets",
    ]
    assert load_remote(str(home)).smtproutes[b"a.example"] == b"relay:"
    assert warnings(home) == ["control/smtproutes:" + reason for reason in reasons]
    put(home, "qmtproutes", text)
    assert complaints(home) == ["control/qmtproutes:" + reason for reason in reasons]


def test_all_that_is_wrong_is_said_at_once_with_file_and_line(home: Path) -> None:
    put(home, "outgoingip", "192.0.2.1\na.example:nowhere\n")
    put(home, "localaddresses", "127.0.0.0/8\n")
    put(home, "nameservers", "ns.example.org\n192.0.2.53 domain\n192.0.2.53 53 tcp\n192.0.2.53 0\n")
    put(home, "outgoingfamilies", "ipv4 ipv5\n")
    put(home, "tlspolicy", "a.example:maybe\nb.example\n:may\n")
    assert complaints(home) == [
        "control/localaddresses:1: '127.0.0.0/8' is no IP address",
        "control/nameservers:1: 'ns.example.org': write `address` or `address port`",
        "control/nameservers:2: '192.0.2.53 domain': write `address` or `address port`",
        "control/nameservers:3: '192.0.2.53 53 tcp': write `address` or `address port`",
        "control/nameservers:4: '192.0.2.53 0': write `address` or `address port`",
        "control/outgoingfamilies:1: 'ipv4 ipv5': allowed is `ipv4`, `ipv6` or both, the preferred one first",
        "control/outgoingip:2: 'a.example:nowhere': there is no IP address; write `address` or `sender-domain:address`",
        "control/tlspolicy:1: 'a.example:maybe': 'maybe' is no TLS policy; write none, may, encrypt, verify or pin",
        "control/tlspolicy:2: 'b.example': write `domain:policy`",
    ]


def test_routes_of_qmtp_may_be_marked_tls(home: Path) -> None:
    put(home, "qmtproutes", ":hub.example/tls\nb.example:hub.example:6209/tls\n")
    assert load_remote(str(home)).qmtproutes == {b"": b"hub.example/tls", b"b.example": b"hub.example:6209/tls"}


def test_our_certificate_is_where_a_file_says_or_where_others_have_it(home: Path) -> None:
    assert (load_remote(str(home)).tlscert, load_remote(str(home)).tlskey) == (None, None)
    put(home, "servercert.pem", "key and certificate\n")
    usual = f"{home}/control/servercert.pem"
    assert (load_remote(str(home)).tlscert, load_remote(str(home)).tlskey) == (usual, usual)
    put(home, "tlscert", "/etc/ssl/ours.pem\n")
    put(home, "tlskey", "control/key.pem\n")
    assert load_remote(str(home)).tlscert == "/etc/ssl/ours.pem"
    assert load_remote(str(home)).tlskey == f"{home}/control/key.pem"


def test_a_second_address_of_the_same_kind_is_warned_about(home: Path) -> None:
    put(home, "outgoingip", "192.0.2.1\n2001:db8::1\nA.example:192.0.2.2\na.example:192.0.2.3\n")
    assert warnings(home) == ["control/outgoingip:4: line 3 gives another address of the same kind; this line wins"]


def test_qmail_remote_does_not_pay_for_what_the_server_needs() -> None:
    code = (
        f"import sys; sys.path.insert(0, {TOP!r}); import qmtwist.control.remote\n"
        "print(sorted({'attr', 'ipaddress', 'ssl', 'dns'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
