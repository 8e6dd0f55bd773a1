"""The recorded lives of qmail-send, played in-process: the same log, remote deliveries, bounces and queue files."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted

from qmtwist.control.load import load
from qmtwist.logbook.lines import safe
from qmtwist.mail.outcome import Outcome, Verdict
from tests.support.couriers import DID, NO_MAILBOX, Attempt, Desk, anonymous, standard
from tests.support.daemon import TOP

LOCAL = {"no mailbox": NO_MAILBOX, "dropped": Outcome(Verdict.SUCCESS, b"")}
CASES: list[dict[str, Any]] = []
with open(os.path.join(TOP, "tests/vectors/send.jsonl"), encoding="utf-8") as stream:
    CASES += map(json.loads, stream)
DIFFERENT = {"send-0015"}  # its bounce names the address as the sender knew it; see docs/differences.md


def latin(text: str) -> bytes:
    return text.encode("latin-1")


def script(case: dict[str, Any]) -> Callable[[Attempt, int], Outcome]:
    """Local deliveries end as they were recorded, remote ones as the stand-in for qmail-remote ended them."""

    def decide(attempt: Attempt, before: int) -> Outcome:
        if attempt.channel == "remote":
            return standard(attempt, before)
        return LOCAL.get(case["local"].get(safe(attempt.recipient).decode(), ""), DID)

    return decide


async def play(desk: Desk, scenario: list[dict[str, Any]]) -> None:
    """The steps of a case; after each, wait until nothing more happens."""
    for step in scenario:
        ((verb, value),) = step.items()
        if verb == "start":
            desk.open()
        elif verb == "queue":
            await desk.submit(latin(value["sender"]), list(map(latin, value["recipients"])), latin(value["message"]))
        elif verb == "signal" and value == "ALRM":
            desk.running.manager.all_due()
        elif verb == "age_messages_seconds":
            for directory, _, names in os.walk(f"{desk.layout.queue}/info"):
                for name in names:
                    os.utime(os.path.join(directory, name), (0, time.time() - value))
        elif verb == "raw_todo":
            desk.put_todo(46, latin(value))
        elif verb == "pull_trigger":
            await desk.until(lambda: any(b"todo/46" in line for line in desk.lines))
        else:
            assert (verb, value) == ("signal", "TERM")
            await desk.settle()
            await desk.stop()
        if desk.queue is not None:
            await desk.settle()


def shown(line: str) -> str:
    """A log line as the recordings have it."""
    line = line.replace("uid 1000", "uid <UID>").replace("uid 1007", "uid <UID-SEND>")
    return re.sub(r"(todo|bounce)/(\d+|<MSG\d+>)", r"\1/<MSG>", line)


def without_order(lines: list[str]) -> list[str]:
    """What is comparable when deliveries may interleave: no status lines, no delivery numbers."""
    return sorted(re.sub(r"delivery \d+", "delivery", line) for line in lines if not line.startswith("status: local"))


def left(desk: Desk) -> dict[str, str]:
    """The queue files as the recordings have them."""
    found = {}
    for name, data in desk.files().items():
        name = re.sub(r"/\d+/\d+$", "/<SPLIT>/<MSG>", name)
        name = re.sub(r"/\d+$", "/<MSG>", name)
        text = re.sub(r"^u\d+\0p\d+\0", "u<UID>\0p<PID>\0", data.decode("latin-1"))
        found[f"queue/{name}"] = "<MESSAGE>" if name.startswith("mess") else text
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
@pytest_twisted.ensureDeferred
async def test_a_recorded_life_is_lived_again(
    make_desk: Callable[..., Desk], memory_directory: str, case: dict[str, Any]
) -> None:
    os.makedirs(f"{memory_directory}/settings/control")
    for name, text in case["control"].items():
        with open(f"{memory_directory}/settings/control/{name}", "wb") as control:
            control.write(latin(text))
    desk = make_desk(script(case), is_open=False)
    desk.settings = load(f"{memory_directory}/settings").send
    await play(desk, case["scenario"])

    log = list(map(shown, desk.log()))
    if case["is_exact"]:
        assert log == case["log"]
    else:
        assert without_order(log) == without_order(case["log"])
    remote = [attempt for attempt in desk.attempts if attempt.channel == "remote"]
    called = [[*(part.decode("latin-1") for part in attempt[1:3]), anonymous(attempt[3])] for attempt in remote]
    expected = [
        [sender, recipient, latin(message.replace("<UID>", "1000"))] for sender, recipient, message in case["remote"]
    ]
    assert sorted(called) == sorted(expected)
    bounces = [
        anonymous(attempt.message)
        for attempt in desk.attempts
        if attempt.channel == "local"
        and b"invoked for bounce" in attempt.message.partition(b"\n")[0]
        and script(case)(attempt, 0) is DID
    ]
    if case["id"] not in DIFFERENT:
        assert sorted(bounces) == sorted(latin(text.replace("<UID>", "1000")) for text in case["bounces"])
    assert left(desk) == case["queue_left"]


def test_the_cases_cover_what_the_queue_manager_does() -> None:
    text = json.dumps([case["log"] for case in CASES])
    for line in ("success", "failure", "deferral", "triple bounce", "bounce msg", "exiting", "warning"):
        assert line in text
