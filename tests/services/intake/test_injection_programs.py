"""The injection socket with programs: a real qmail-queue over a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor as real_reactor  # noqa: TID251 (the test is where it comes from)
from twisted.internet.threads import deferToThread

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Temporary
from qmtwist.services.intake.injection import (
    listen,
)
from qmtwist.services.seams import Committed, Receipt
from qmtwist.wire.envelope import encode_envelope
from tests.support.injection_bench import ENVELOPE, LISTED, Bench, FakeDraft
from tests.support.queues import files, make_queue, put

RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, {home!r})"
TOP = str(Path(__file__).parents[3])


def start(name: str, home: str, message: bytes = b"", envelope: bytes = b"") -> tuple[int, bytes]:
    """Run a program; its status and what it printed."""
    command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name, home=home)]
    with open(home + "/envelope", "wb") as stream:
        stream.write(envelope)
    with open(home + "/envelope", "rb") as stream:
        out = stream if name == "qmail-queue" else subprocess.PIPE
        ended = subprocess.run(command, input=message, stdout=out, timeout=30)
    return ended.returncode, ended.stdout or b""


class PromptDraft(FakeDraft):
    def commit(self, envelope: Envelope, done: Committed) -> None:
        super().commit(envelope, done)
        done(Receipt(self.number))


@pytest_twisted.ensureDeferred
async def test_qmail_queue_hands_its_message_to_the_daemon(tmp_path: Path) -> None:
    home = tmp_path / ("a-home-with-a-long-name" * 6)
    home.mkdir()
    layout = make_queue(str(home / "queue"))
    bench = Bench(believed=(os.getuid(),))
    bench.factory.reactor = real_reactor  # type: ignore[assignment]
    bench.intake.open = lambda origin, on_drain: (  # type: ignore[method-assign]
        bench.intake.drafts.append(PromptDraft(False)) or bench.intake.drafts[-1]  # type: ignore[func-returns-value]
    )
    assert len(layout.socket) > 108
    port = listen(real_reactor, layout.socket, bench.factory)  # type: ignore[arg-type]
    try:
        body = b"Subject: big\n\n" + b"0123456789abcdef" * 50_000
        assert await deferToThread(start, "qmail-queue", str(home), body, encode_envelope(ENVELOPE)) == (0, b"")
        [draft] = bench.intake.drafts
        assert (draft.data, draft.envelope) == (body, ENVELOPE)
        assert files(layout) == {}
        assert (await deferToThread(start, "qmail-queue", str(home), b"x", b"Fs@x\0Tr"))[0] == 54
        assert (await deferToThread(start, "qmail-queue", str(home), b"x", b"Fs@x\0Xr\0\0"))[0] == 91
        assert await deferToThread(start, "qmail-qread", str(home)) == (0, b"".join(LISTED))
        # one that has been laid down in files meanwhile is shown and counted once, as the files have it
        put(layout.mess(7), b"x")
        put(layout.info(7), b"Flaid@down\0")
        _, shown = await deferToThread(start, "qmail-qread", str(home))
        assert shown.endswith(b"#7  1  <laid@down> \n" + LISTED[1]) and shown.count(b"#7 ") == 1
        status, shown = await deferToThread(start, "qmail-qstat", str(home))
        assert (status, shown.splitlines()[0]) == (0, b"messages in queue: 2")
    finally:
        await port.stopListening()  # type: ignore[misc]
    assert not os.path.lexists(layout.socket)
    assert [draft.is_abandoned for draft in bench.intake.drafts[1:]] == [True, True]


@pytest_twisted.ensureDeferred
async def test_qmail_queue_writes_files_when_the_daemon_is_closing(tmp_path: Path) -> None:
    layout = make_queue(str(tmp_path / "queue"))
    bench = Bench()
    bench.factory.reactor = real_reactor  # type: ignore[assignment]
    bench.intake.trouble = Temporary("stopping", "4.3.2")
    port = listen(real_reactor, layout.socket, bench.factory)  # type: ignore[arg-type]
    try:
        assert (await deferToThread(start, "qmail-queue", str(tmp_path), b"x", encode_envelope(ENVELOPE)))[0] == 0
    finally:
        await port.stopListening()  # type: ignore[misc]
    assert sorted(name.split("/")[0] for name in files(layout)) == ["intd", "mess", "todo"]


@pytest_twisted.ensureDeferred
async def test_a_socket_left_by_a_crash_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "injection")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    bench = Bench()
    port = listen(real_reactor, path, bench.factory)  # type: ignore[arg-type]
    assert os.stat(path).st_mode & 0o777 == 0o600
    await port.stopListening()  # type: ignore[misc]
    os.chmod(tmp_path, 0o777)
    port = listen(real_reactor, path, bench.factory)  # type: ignore[arg-type]
    assert os.stat(path).st_mode & 0o777 == 0o622
    await port.stopListening()  # type: ignore[misc]
    Path(path).write_text("precious")
    with pytest.raises(FileExistsError):
        listen(real_reactor, path, bench.factory)  # type: ignore[arg-type]
