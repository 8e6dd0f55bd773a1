"""agents/remote: one message to one host, against servers on loopback that do what a test says. (qmail-remote(8))"""

from __future__ import annotations

import contextlib
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.remote import Delivery, Order
from qmtwist.agents.remotemessage import Message
from qmtwist.control.remote import load_remote
from qmtwist.store.deadhosts import DeadHosts, Record
from qmtwist.wire.dots import SmtpStuffer
from qmtwist.wire.remotereport import Result
from tests.support.certificates import Authority
from tests.support.network import BlackHole, has_ipv6, listen
from tests.support.peers import Act, Peer, QmtpPeer, drop, endless, reply, reset, stall, then_drop, trickle
from tests.support.zone import Zone

TEXT = b"Subject: x\n\nbody\n.dot\n"
WIRE = TEXT.replace(b"\n", b"\r\n")
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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def zone(home: Home) -> Iterator[Zone]:
    """Names without their own addresses: relay.example is four hosts of this one."""
    with Zone("".join(f"relay.example. A 127.0.0.{number}\n" for number in (11, 12, 13))) as zone:
        home.put("nameservers", zone.nameserver + "\n")
        yield zone


# -- where to


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_message_arrives_by_ipv4_and_ipv6(home: Home, address: str) -> None:
    if not has_ipv6(address):
        pytest.skip("no IPv6 here")
    with Peer(address) as peer:
        home.route(peer)
        result = home.send(b"joe@far.example", b"ann@far.example")
    assert (
        result.records()
        == b"r\0r\0K%s accepted message.\nRemote host said: 250 2.0.0 queued as 1\n\0" % address.encode()
    )
    (message,) = peer.messages
    assert message.body == WIRE
    assert message.sender.startswith(b"<s@example.org>")
    assert message.recipients == (b"joe@far.example", b"ann@far.example")
    assert message.greeted == b"EHLO mail.example.org"


def port_for(*addresses: str) -> int:
    """A port that is free at each of these."""
    first = listen(addresses[0])
    try:
        port: int = first.getsockname()[1]
        for address in addresses[1:]:
            listen(address, port).close()
        return port
    finally:
        first.close()


@contextlib.contextmanager
def peers_at(port: int, *acts: dict[str, Act]) -> Iterator[list[Peer]]:
    """Servers at the addresses of relay.example, in order; what each does instead of its work."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(f"127.0.0.{11 + number}", port)) for number in range(len(acts))]
        for peer, own in zip(peers, acts, strict=True):
            peer.acts.update(own)
        yield peers


def relay(home: Home, port: int) -> None:
    """All mail goes to relay.example, whose addresses are tried in random order."""
    home.put("smtproutes", f":relay.example:{port}\n")


def test_a_host_that_refuses_the_connection_is_passed_over(home: Home, zone: Zone) -> None:
    with Peer("127.0.0.12") as peer:
        relay(home, peer.port)
        for _ in range(4):
            assert home.send().letter == b"K"
    assert len(peer.messages) == 4
    assert zone.asked("relay.example", "A") == 4 and zone.asked("relay.example", "MX") == 0


@pytest.mark.parametrize(
    "act", [reply(b"421 busy\r\n"), reply(b"554 no\r\n"), drop, reset, then_drop(b"220-and"), then_drop(b"xyz\r\n")]
)
def test_a_host_that_turns_us_away_before_the_message_is_passed_over(home: Home, zone: Zone, act: Act) -> None:
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    acts = {"greeting": act}
    with peers_at(port, acts, acts, {}) as (one, two, good):
        relay(home, port)
        for _ in range(4):
            assert home.send().letter == b"K"
    assert one.connections + two.connections > 0
    assert len(good.messages) == 4


def test_if_all_turn_us_away_the_report_is_of_one_of_them(home: Home, zone: Zone) -> None:
    with Peer("127.0.0.13", greeting=reply(b"421 busy\r\n")) as peer:
        relay(home, peer.port)
        result = home.send()
    assert result == Result((), b"Z", b"Connected to 127.0.0.13 but greeting failed.\nRemote host said: 421 busy\n")


@pytest.mark.parametrize("step", ["body", "dot"])
@pytest.mark.parametrize("act", [drop, reset, reply(b"421 closing\r\n"), reply(b"554 no\r\n")])
def test_who_has_begun_to_take_the_message_is_the_last_to_be_tried(home: Home, zone: Zone, step: str, act: Act) -> None:
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    acts = {step: act}
    with peers_at(port, acts, acts, acts) as peers:
        relay(home, port)
        result = home.send(text=TEXT + b"x" * 3000000 + b"\n")
    assert result.letter in (b"Z", b"D")
    assert sum(peer.connections for peer in peers) == 1


def test_a_sender_refused_for_good_is_not_offered_to_the_next_host(home: Home, zone: Zone) -> None:
    with (
        Peer("127.0.0.11", mail=reply(b"550 no\r\n")) as one,
        Peer("127.0.0.12", one.port, mail=reply(b"550 no\r\n")) as two,
    ):
        relay(home, one.port)
        assert home.send().letter == b"D"
    assert one.connections + two.connections == 1


def test_nobody_there_is_qmails_one_deferral(home: Home) -> None:
    home.put("smtproutes", f":127.0.0.1:{port_for('127.0.0.1')}\n")
    assert home.send() == Result((), b"Z", NOT_CONNECTED)
    home.put("smtproutes", ":127.0.0.1:\n")
    assert home.send() == Result((), b"Z", NOT_CONNECTED)


def test_a_host_that_does_not_exist_is_a_failure_and_one_that_cannot_be_asked_about_a_deferral(
    home: Home, zone: Zone
) -> None:
    home.put("smtproutes", ":nobody.example\n")
    result = home.send()
    assert (result.letter, result.text) == (b"D", b"Sorry, I couldn't find any host named nobody.example. (#5.1.2)\n")
    home.put("nameservers", f"127.0.0.1 {port_for('127.0.0.1')}\n")
    result = home.send(host=b"other.example")
    assert (result.letter, result.text) == (b"Z", b"Sorry, I couldn't find any host by that name. (#4.1.2)\n")


@pytest.mark.parametrize("host", [b"[127.0.0.1]", b"127.0.0.1", b"[0.0.0.0]", b"[192.0.2.77]", b"[IPv6:2001:db8::77]"])
def test_mail_does_not_go_to_ourselves_nor_to_localaddresses(home: Home, host: bytes) -> None:
    home.put("localaddresses", "192.0.2.77\n2001:db8:0:0::77\n")
    result = home.send(host=host)
    assert result.letter == b"D"
    assert result.text.startswith(b"Sorry. Although I'm listed as a best-preference MX or A for that host,\n")


def test_mail_leaves_from_the_address_of_its_senders_domain(home: Home) -> None:
    home.put("outgoingip", "127.0.0.21\nexample.org:127.0.0.22\n.example.org:127.0.0.23\n::9\n")
    with Peer() as peer:
        home.route(peer)
        for sender in (b"", b"s@example.org", b"s@a.Example.org", b"s@elsewhere.example"):
            assert home.send(sender=sender).letter == b"K"
    assert [message.client for message in peer.messages] == ["127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.21"]


def test_an_address_that_is_not_ours_defers_and_says_nothing_about_the_host(home: Home) -> None:
    home.put("outgoingip", "192.0.2.1\n")
    home.dead_hosts.timed_out("127.0.0.1", int(time.time()))
    with Peer() as peer:
        home.route(peer)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
    assert [record.timeouts for record in home.dead_hosts.records()] == [1]


# -- hosts that do not answer


@pytest.mark.parametrize("address", ["127.0.0.31", "::1"])
def test_a_timeout_is_remembered_and_an_answer_forgets_it(home: Home, address: str) -> None:
    if not has_ipv6(address):
        pytest.skip("no IPv6 here")
    home.put("timeoutconnect", "1\n")
    with BlackHole(address) as hole:
        home.put("smtproutes", f":[{address}]:{hole.port}\n")
        begin = time.monotonic()
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
        assert 0.9 <= time.monotonic() - begin < 10
    (record,) = home.dead_hosts.records()
    assert record[:2] == (address, 1) and abs(record.when - time.time()) < 10
    assert home.send() == Result((), b"Z", NOT_CONNECTED)  # refused now
    assert home.dead_hosts.records() == []


def test_a_dead_host_is_not_tried_and_another_is(home: Home, zone: Zone) -> None:
    now = int(time.time())
    for address in ("127.0.0.11", "127.0.0.12"):
        home.dead_hosts.timed_out(address, now - 500)
        home.dead_hosts.timed_out(address, now)
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    with Peer("127.0.0.11", port) as one, Peer("127.0.0.12", port) as two:
        relay(home, port)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
        with Peer("127.0.0.13", port) as good:
            assert home.send().letter == b"K"
        assert (one.connections, two.connections, len(good.messages)) == (0, 0, 1)
    assert home.dead_hosts.records() == [Record("127.0.0.11", 2, now), Record("127.0.0.12", 2, now)]


SLOW = [
    {"greeting": trickle(b"220-slow\r\n")},
    {"mail": stall},
    {"rcpt": trickle(b"250 ok and ")},
    {"data": stall},
    {"body": stall},
    {"dot": trickle(b"250 ok and ")},
]


@pytest.mark.parametrize("acts", SLOW, ids=lambda acts: next(iter(acts)))
def test_each_reply_in_whole_and_each_block_have_timeoutremote(home: Home, acts: dict[str, Act]) -> None:
    home.put("timeoutremote", "1\n")
    with Peer() as peer:
        peer.acts.update(acts)
        home.route(peer)
        begin = time.monotonic()
        # more than fits between us and one who does not read
        result = home.send(text=b"x" * 77 + b"\n" if "body" not in acts else (b"x" * 77 + b"\n") * 300000)
        assert time.monotonic() - begin < 8
    assert result.letter == b"Z"
    assert result.text.startswith(b"Connected to 127.0.0.1 but connection died.")
    assert (b"Possible duplicate!" in result.text) == ("dot" in acts)


def test_a_reply_without_end_is_not_read_for_ever(home: Home) -> None:
    with Peer(greeting=endless(b"220-more\r\n")) as peer:
        home.route(peer)
        assert home.send().letter == b"Z"


def test_a_refusal_in_the_middle_of_the_message_is_believed(home: Home) -> None:
    with Peer(body=then_drop(b"552 too much\r\n")) as peer:
        home.route(peer)
        result = home.send(text=(b"x" * 77 + b"\n") * 300000)
    assert result.letter in (b"D", b"Z")  # Z where the reset overtook the refusal
    if result.letter == b"D":
        assert result.text == b"127.0.0.1 failed after I sent the message.\nRemote host said: 552 too much\n"


# -- TLS


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


# -- QMTP


def test_a_qmtp_route_gets_the_message_as_it_is_stored(home: Home) -> None:
    with QmtpPeer() as peer, Peer() as other:
        home.put("qmtproutes", f"far.example:{peer.route}\n")
        home.route(other)
        peer.verdicts = {b"ann@far.example": b"Dno such user", b"bob@far.example": b"Zlater"}
        result = home.send(b"joe@far.example", b"ann@far.example", b"bob@far.example")
    assert [letter for letter, _ in result.recipients] == [b"r", b"h", b"s"]
    (message,) = peer.messages
    assert message.body == b"\n" + TEXT
    assert message[:2] == (b"s@example.org", (b"joe@far.example", b"ann@far.example", b"bob@far.example"))
    assert other.connections == 0


def test_a_qmtp_route_does_not_fall_back_to_smtp(home: Home) -> None:
    with Peer() as other:
        home.put("qmtproutes", f"far.example:127.0.0.1:{port_for('127.0.0.1')}\n")
        home.route(other)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
    assert other.connections == 0


def test_a_qmtp_host_that_hangs_up_may_have_the_message(home: Home) -> None:
    with QmtpPeer() as peer:
        peer.answer = lambda body: b""
        home.put("qmtproutes", f"far.example:{peer.route}\n")
        result = home.send()
    assert result.letter == b"Z"
    assert b"Possible duplicate!" in result.text


def test_qmtp_is_no_way_round_a_demand_for_tls(home: Home) -> None:
    with QmtpPeer() as peer:
        home.put("qmtproutes", f":{peer.route}\n")
        home.put("tlspolicy", ":encrypt\n")
        result = home.send()
    assert (result.letter, peer.connections) == (b"Z", 0)
    assert b"QMTP knows no TLS" in result.text


# -- the message


def test_a_message_from_a_pipe_arrives_whole_however_long(home: Home) -> None:
    text = b"Subject: long\n\n" + b"".join(b"%d " % number * 9 + b"\n" for number in range(60000))
    with Peer() as peer:
        home.route(peer)
        for part in (text[:1000] + b"\n", text):
            reading, writing = os.pipe()
            if not os.fork():
                os.close(reading)
                with open(writing, "wb") as stream:
                    stream.write(part)
                os._exit(0)
            os.close(writing)
            order = Order(b"far.example", b"s@example.org", (b"joe@far.example",))
            assert home.deliver(Message(reading), order).letter == b"K"
            os.close(reading)
            os.wait()
    assert [message.body for message in peer.messages] == [
        part.replace(b"\n", b"\r\n") for part in (text[:1000] + b"\n", text)
    ]


def test_a_message_that_cannot_be_read_is_deferred(home: Home, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with Peer() as peer:
            home.route(peer)
            result = home.deliver(Message(directory), Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(directory)
    assert result == Result((), b"Z", b"Unable to read message. (#4.3.0)\n")
    assert peer.messages == []


def test_a_message_is_not_read_before_somebody_wants_it(home: Home, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        home.put("smtproutes", f":127.0.0.1:{port_for('127.0.0.1')}\n")
        result = home.deliver(Message(directory), Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(directory)
    assert result == Result((), b"Z", NOT_CONNECTED)


@pytest.mark.parametrize("text", [b"", b"\xe4\n", b"a\r\nb\rc\r\n"])
def test_a_message_begins_where_the_descriptor_stands(home: Home, text: bytes) -> None:
    descriptor = os.memfd_create("message")
    try:
        os.write(descriptor, b"before\n" + text)
        os.lseek(descriptor, 7, os.SEEK_SET)
        message = Message(descriptor)
        assert message.size_bytes() == len(text)
        assert message.survey().is_eight_bit == (b"\xe4" in text)
        stuffer = SmtpStuffer()
        sent = stuffer.encode(text) + stuffer.finish()
        assert message.survey().growth_bytes == len(sent) - len(text)
        assert b"".join(message.pieces()) == b"".join(message.pieces()) == text
    finally:
        os.close(descriptor)


def test_a_message_that_shrinks_while_it_is_sent_is_never_completed(home: Home) -> None:
    descriptor = os.memfd_create("message")
    os.write(descriptor, TEXT * 10000)
    os.lseek(descriptor, 0, os.SEEK_SET)

    def cut(_: object) -> None:
        os.ftruncate(descriptor, 100)

    try:
        with Peer(body=cut) as peer:
            home.route(peer)
            message = Message(descriptor)
            message.size_bytes()
            os.ftruncate(descriptor, 70000)
            result = home.deliver(message, Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(descriptor)
    assert result == Result((), b"Z", b"Unable to read message. (#4.3.0)\n")
    assert peer.messages == []
