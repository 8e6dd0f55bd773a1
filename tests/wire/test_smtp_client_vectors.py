"""qmail-remote's recorded sessions, played into the client core: the same reports, the same envelope and message."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qmtwist.wire.smtp.client import ClientSession, Tls
from tests.support.outgoing import Letter, Sender

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "vectors/remote.jsonl").read_text().splitlines()]

# where the bytes that qmail sent are themselves the defect: what goes out here
INSTEAD = {
    "remote-crlf-in-message": b"a\r\nb\r\nc\r\n\r\nd\r\n\r\ne\r\n.\r\n",
    "remote-dot-after-lone-cr": b"Subject: x\r\n\r\nharmless\r\n..\r\nMAIL FROM:<forged@example.net>\r\n"
    b"RCPT TO:<victim@far.example>\r\nDATA\r\nSubject: forged\r\n\r\nhi\r\n.\r\n",
}


def sessions() -> list[Any]:
    found = []
    for case in CASES:
        servers = [{"listen": "127.0.0.1", "session": case.get("server") or []}, *case.get("servers", [])]
        talking = [server for server in servers if server["session"]]
        found += [pytest.param(case, server, id=case["id"]) for server in talking[:1]]
    return found


def play(sender: Sender, script: list[dict[str, Any]]) -> list[bytes]:
    """What the scripted server got, a command or a message at a time."""
    got: list[bytes] = []
    waiting = b""
    is_data = False
    for step in script:
        if "say" in step:
            waiting += sender.receive(step["say"].encode("latin-1"))
        elif "got" in step:
            end = b"\r\n.\r\n" if is_data else b"\n"
            text, found, rest = (b"\r\n" + waiting if is_data else waiting).partition(end)
            got.append((text + found)[2:] if is_data else text + found)
            waiting, is_data = rest, got[-1] == b"DATA\r\n"
        elif "sleep" in step:
            sender.timed_out()
        elif "close" in step and not sender.is_over:
            sender.eof()
    return got


def conversation(got: list[bytes]) -> list[bytes]:
    """What matters of the client's side: the envelope without parameters, and the message."""
    kept = [text for text in got if text and not re.match(rb"(?i)(helo|ehlo|quit|rset)\b", text)]
    return [re.sub(rb"^(MAIL FROM:<[^>]*>) SIZE=\d+", rb"\1", text) for text in kept]


@pytest.mark.parametrize(("case", "server"), sessions())
def test_a_recorded_session_ends_with_the_same_report(case: dict[str, Any], server: dict[str, Any]) -> None:
    address = server["listen"].partition(":")[0].encode()
    arguments = [text.encode("latin-1") for text in case["args"]]
    helohost = case["control"].get("helohost", case["control"].get("me", "")).strip().encode()
    letter = Letter(arguments[1], arguments[2:], case["stdin"].encode("latin-1"))
    sender = Sender(ClientSession(helohost, address, Tls.MAY), [letter])
    script = server["session"]
    got = play(sender, script)
    if case["id"] == "remote-dot-after-lone-cr":
        script = script[:11]  # qmail's recording goes on with the smuggled message
    assert [result.records() for result in sender.results] == [case["expect"]["stdout"].encode("latin-1")]
    expected = [step["got"].encode("latin-1") for step in script if "got" in step]
    if case["id"] in INSTEAD:
        expected = [INSTEAD[case["id"]] if text.endswith(b"\r\n.\r\n") else text for text in expected]
    assert conversation(got)[: len(expected)] == conversation(expected)
