"""A program in the place of qmail-queue, run for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor as real_reactor  # noqa: TID251 (the test is where it comes from)
from twisted.internet.defer import Deferred

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.services.intake.program import ProgramIntake
from qmtwist.services.seams import Origin, Receipt

ENVELOPE = Envelope(b"s@x", (b"a@b",))


async def submitted(home: Path, script: str, message: bytes) -> Receipt | MailError:
    """Hand a message to a shell script, in pieces that respect its back-pressure."""
    program = home / "queue-program"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    drained: list[Deferred[None]] = []

    def on_drain() -> None:
        if drained:
            drained.pop().callback(None)

    intake = ProgramIntake(real_reactor, str(home), os.fsencode(program), {b"PATH": b"/usr/bin:/bin"})  # type: ignore[arg-type]
    draft = intake.open(Origin(b"from network", 0), on_drain)
    for at in range(0, len(message), 65536):
        if not draft.write(message[at : at + 65536]):
            drained.append(Deferred())
            await drained[-1]
    result: Deferred[Receipt | MailError] = Deferred()
    draft.commit(ENVELOPE, result.callback)
    return await result


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("size", [0, 100, 3_000_000])
async def test_a_program_that_takes_the_message_accepts_it(tmp_path: Path, size: int) -> None:
    result = await submitted(tmp_path, "cat >message; cat <&1 >envelope; exit 0\n", b"x" * size)
    assert isinstance(result, Receipt) and result.number > 0
    assert (tmp_path / "message").read_bytes() == b"x" * size
    assert (tmp_path / "envelope").read_bytes() == b"Fs@x\0Ta@b\0\0"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("script", "kind", "text"),
    [
        ("cat >/dev/null; exit 31", Permanent, "mail server permanently rejected message (#5.3.0)"),
        ("cat >/dev/null; exit 53", Temporary, "qq write error or disk full (#4.3.0)"),
        ("cat >/dev/null; printf Dnever >&6; exit 82", Permanent, "never"),
        ("cat >/dev/null; kill -9 $$", Temporary, "qq crashed (#4.3.0)"),
    ],
)
async def test_a_program_that_refuses_says_why(tmp_path: Path, script: str, kind: type[MailError], text: str) -> None:
    result = await submitted(tmp_path, script, b"x" * 1000)
    assert type(result) is kind and result.text == text


@pytest_twisted.ensureDeferred
async def test_a_program_that_stops_reading_has_not_accepted_whatever_it_says(tmp_path: Path) -> None:
    result = await submitted(tmp_path, "exec <&-; cat <&1 >/dev/null; exit 0", b"x" * 3_000_000)
    assert type(result) is Temporary


@pytest_twisted.ensureDeferred
async def test_a_program_that_does_not_want_the_envelope_has_not_accepted(tmp_path: Path) -> None:
    result = await submitted(tmp_path, "exec 1>&-; cat >/dev/null; exit 0", b"x" * 3_000_000)
    assert type(result) is Temporary
