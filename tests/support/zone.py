"""A real DNS server for tests: a zone text, UDP and TCP on one port, and servers' bad habits at will."""

from __future__ import annotations

import contextlib
import enum
import selectors
import socket
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

CHAIN_LIMIT = 12
TCP_WAIT_S = 5.0
Name = dns.name.Name


class Fault(enum.Enum):
    """What the server does to questions about a name."""

    SILENT = "never answers"
    SERVFAIL = "answers SERVFAIL"
    REFUSED = "answers REFUSED"
    LAME = "refers to another server, with no answer"
    TRUNCATE = "always truncates over UDP"
    TCP_DEAD = "always truncates over UDP and hangs up over TCP"
    WRONG_NUMBER = "answers with another message number only"
    WRONG_QUESTION = "answers another question only"
    LIES_FIRST = "first a lie with a wrong message number, then the truth"
    GARBAGE = "answers with bytes that are no DNS message"
    NO_EDNS = "answers FORMERR to EDNS"


class Zone:
    """Serves the names of a zone text with absolute names; all others do not exist.

    `faults` maps lower-case names without final dot; "" is for all names. `queries` grows by (name, kind, "udp"/"tcp").
    """

    def __init__(self, text: str, address: str = "127.0.0.1", port: int = 0) -> None:
        self.faults: dict[str, Fault] = {}
        self.queries: list[tuple[str, str, str]] = []
        self.load(text)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp = socket.socket(family, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.address, self.port = address, self._bind(address, port)
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="zone", daemon=True)
        self._connections: list[threading.Thread] = []

    def _bind(self, address: str, port: int) -> int:
        """Both sockets on one port; a free TCP port may be taken for UDP."""
        for attempt in range(20):
            self._udp.bind((address, port))
            chosen: int = self._udp.getsockname()[1]
            try:
                self._tcp.bind((address, chosen))
                self._tcp.listen(50)
                return chosen
            except OSError:
                if port or attempt == 19:
                    self._udp.close()
                    self._tcp.close()
                    raise
            self._udp.close()
            self._udp = socket.socket(self._udp.family, socket.SOCK_DGRAM)
        raise AssertionError("unreachable")

    def load(self, text: str) -> None:
        """Serve another zone from now on: lines like `far.example. MX 10 mx.far.example.`."""
        lines = ["$TTL 300", "@ SOA ns.example. root.example. 1 1 1 1 1", "@ NS ns.example."]
        self._zone = dns.zone.from_text("\n".join([*lines, text, ""]), origin=".", relativize=False)

    @property
    def nameserver(self) -> str:
        """A line for control/nameservers."""
        return f"{self.address} {self.port}"

    def asked(self, name: str, kind: str | None = None) -> int:
        """How often a name was asked for (by a kind)."""
        return sum(1 for asked, of, _ in list(self.queries) if asked == name and kind in (None, of))

    # -- life

    def __enter__(self) -> Zone:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._waker.close()
        self._thread.join(10)
        for thread in self._connections:
            thread.join(TCP_WAIT_S + 5)
        for opened in (self._udp, self._tcp, self._wake):
            opened.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for opened in (self._udp, self._tcp, self._wake):
                selector.register(opened, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake in ready:
                    return
                if self._udp in ready:
                    self._serve_datagram()
                if self._tcp in ready:
                    connection, _ = self._tcp.accept()
                    thread = threading.Thread(target=self._serve_connection, args=(connection,), daemon=True)
                    self._connections.append(thread)
                    thread.start()

    def _serve_datagram(self) -> None:
        data, client = self._udp.recvfrom(65535)
        for answer in self.answers(data, is_udp=True):
            with contextlib.suppress(OSError):
                self._udp.sendto(answer, client)

    def _serve_connection(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(TCP_WAIT_S)
            with connection.makefile("rb") as stream:
                while len(length := stream.read(2)) == 2:
                    answers = self.answers(stream.read(*struct.unpack("!H", length)), is_udp=False)
                    if not answers:
                        return
                    for answer in answers:
                        connection.sendall(struct.pack("!H", len(answer)) + answer)

    # -- answers

    def answers(self, data: bytes, is_udp: bool) -> list[bytes]:
        """What is sent in answer to a message; nothing for what is no query."""
        try:
            query = dns.message.from_wire(data)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return []
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((name, kind, "udp" if is_udp else "tcp"))
        fault = self.faults.get(name, self.faults.get(""))
        if fault is None:
            return [self._wire(query, self._answer(query), is_udp)]
        return self._spoiled(fault, query, is_udp)

    def _spoiled(self, fault: Fault, query: dns.message.Message, is_udp: bool) -> list[bytes]:
        truth = self._answer(query)
        match fault:
            case Fault.SILENT:
                return []
            case Fault.SERVFAIL | Fault.REFUSED:
                return [self._wire(query, _failed(query, dns.rcode.from_text(fault.value.split()[1])), is_udp)]
            case Fault.LAME:
                return [self._wire(query, _referral(query), is_udp)]
            case Fault.TRUNCATE | Fault.TCP_DEAD:
                if is_udp:
                    truth = _failed(query, dns.rcode.NOERROR)
                    truth.flags |= dns.flags.TC
                elif fault is Fault.TCP_DEAD:
                    return []
                return [self._wire(query, truth, is_udp)]
            case Fault.WRONG_NUMBER | Fault.LIES_FIRST:
                lie = self._lie(query)
                lie.id = query.id ^ 0x5A5A
                true = [self._wire(query, truth, is_udp)] if fault is Fault.LIES_FIRST else []
                return [lie.to_wire(), *true]
            case Fault.WRONG_QUESTION:
                lie = self._lie(query)
                lie.question = [dns.rrset.RRset(dns.name.from_text("other.invalid."), dns.rdataclass.IN, 1)]
                return [lie.to_wire()]
            case Fault.GARBAGE:
                return [b"\xff" * 40]
            case Fault.NO_EDNS:
                if query.edns >= 0:
                    refusal = dns.message.Message(query.id)
                    refusal.flags |= dns.flags.QR
                    refusal.question = list(query.question)
                    refusal.set_rcode(dns.rcode.FORMERR)
                    return [refusal.to_wire()]
                return [self._wire(query, truth, is_udp)]

    @staticmethod
    def _lie(query: dns.message.Message) -> dns.message.Message:
        lie = _failed(query, dns.rcode.NOERROR)
        lie.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "A", "203.0.113.66")]
        return lie

    @staticmethod
    def _wire(query: dns.message.Message, answer: dns.message.Message, is_udp: bool) -> bytes:
        limit = max(512, query.payload) if query.edns >= 0 else 512
        try:
            return answer.to_wire(max_size=limit if is_udp else 65535)
        except dns.exception.TooBig:
            answer.answer = []
            answer.flags |= dns.flags.TC
            return answer.to_wire()

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = _failed(query, dns.rcode.NOERROR)
        question = query.question[0]
        name = question.name
        for _ in range(CHAIN_LIMIT):
            node = self._node(name)
            if node is None:
                if not answer.answer:
                    answer.set_rcode(dns.rcode.NOERROR if self._has_below(name) else dns.rcode.NXDOMAIN)
                else:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                break
            found = node.get_rdataset(dns.rdataclass.IN, question.rdtype)
            if found is not None:
                answer.answer.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
                break
            alias = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
            if alias is None:
                break
            answer.answer.append(dns.rrset.from_rdata_list(name, alias.ttl, list(alias)))
            name = alias[0].target
        return answer

    def _node(self, name: Name) -> dns.zone.dns.node.Node | None:
        """A name's node, or that of the wildcard that covers it."""
        node = self._zone.get_node(name)
        parent = name
        while node is None and len(parent.labels) > 1:
            parent = parent.parent()
            node = self._zone.get_node(dns.name.Name((b"*", *parent.labels)))
            if self._zone.get_node(parent) is not None or self._has_below(parent):
                break
        return node

    def _has_below(self, name: Name) -> bool:
        return any(other != name and other.is_subdomain(name) for other in self._zone.nodes)


def _failed(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(code)
    return answer


def _referral(query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.authority = [dns.rrset.from_text("example.", 300, "IN", "NS", "elsewhere.example.")]
    return answer
