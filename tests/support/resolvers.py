"""A zone for both resolvers, and how they are told of its servers."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from qmtwist.mail.dns import Kind, Question

ZONE = """
far.example. 300 MX 10 mx.far.example.
far.example. 300 MX 20 backup.far.example.
mx.far.example. 300 A 192.0.2.1
mx.far.example. 300 AAAA 2001:db8::1
backup.far.example. 300 A 192.0.2.2
alias.example. 300 CNAME far.example.
loop.example. 300 CNAME pool.example.
pool.example. 300 CNAME loop.example.
text.example. 300 TXT "a b" "c"
1.2.0.192.in-addr.arpa. 300 PTR MX.far.example.
brief.example. 0 A 192.0.2.3
"""
MX = Question(b"far.example", Kind.MX)
MX_RECORDS = {(10, b"mx.far.example"), (20, b"backup.far.example")}


def resolv_conf(directory: Path, *servers: str, options: str = "timeout:1 attempts:1") -> str:
    path = directory / "resolv.conf"
    lines = [f"nameserver {server}\n" for server in servers]
    path.write_text("".join(lines) + f"options {options}\n")
    return str(path)


def pause(delay_s: float = 0.005) -> Deferred[None]:
    return deferLater(reactor, delay_s)  # type: ignore[arg-type]
