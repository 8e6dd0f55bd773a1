"""agents/remote/deliver: TLS where it is offered, and where it is demanded."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.peers import Peer, drop, reply
from tests.support.remote_home import TEXT, Home

WIRE = TEXT.replace(b"\n", b"\r\n")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_tls_is_used_where_it_is_offered(home: Home, authority: Authority, tmp_path: Path) -> None:
    with Peer(context=authority.issue("other.example").context(str(tmp_path))) as peer:
        home.route(peer)
        assert home.send().letter == b"K"
    assert [(message.is_tls, message.body) for message in peer.messages] == [(True, WIRE)]


def test_who_cannot_do_tls_gets_the_message_in_clear_unless_it_is_demanded(
    home: Home, authority: Authority, tmp_path: Path
) -> None:
    context = authority.issue("far.example").context(str(tmp_path))
    with Peer(context=context, handshake=drop) as peer:
        home.route(peer)
        assert home.send().letter == b"K"
        assert [message.is_tls for message in peer.messages] == [False]
        assert peer.connections == 2
        home.put("tlspolicy", "far.example:encrypt\n")
        result = home.send()
        assert result.letter == b"Z" and b"TLS" in result.text
        home.put("tlspolicy", ":none\n")
        assert home.send().letter == b"K"
    assert [message.is_tls for message in peer.messages] == [False, False]
    assert peer.connections == 4


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_who_insists_on_a_tls_that_does_not_work_gets_the_message_later(
    home: Home, authority: Authority, tmp_path: Path, step: str
) -> None:
    context = authority.issue("far.example").context(str(tmp_path))
    with Peer(context=context, handshake=drop) as peer:
        peer.acts[step] = reply(b"530 5.7.0 Must issue a STARTTLS command first\r\n")
        home.route(peer)
        result = home.send()
        assert peer.connections == 2
    assert (result.recipients, result.letter) == ((), b"Z")
    assert b"TLS failed" in result.text


def test_a_demanded_name_must_be_proved(home: Home, authority: Authority, tmp_path: Path) -> None:
    contexts: dict[str, ssl.SSLContext] = {
        name: authority.issue(name).context(str(tmp_path)) for name in ("far.example", "other.example")
    }
    home.put("tlspolicy", "far.example:verify\n")
    home.put("tlsca", authority.write(str(tmp_path)) + "\n")
    letters = {}
    for name, context in contexts.items():
        with Peer(context=context) as peer:
            home.route(peer)
            letters[name] = home.send().letter
            assert len(peer.messages) == (letters[name] == b"K")
    assert letters == {"far.example": b"K", "other.example": b"Z"}


def test_no_tls_where_it_is_demanded_is_a_deferral(home: Home) -> None:
    home.put("tlspolicy", ":encrypt\n")
    with Peer() as peer:
        home.route(peer)
        result = home.send()
    assert (result.letter, peer.messages) == (b"Z", [])
