"""agents/submit/handing: the running server takes a message from a program; where it cannot, qmail-queue runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.agents.submit.submission import Submission, SubmitResult, submit
from qmtwist.control.replaced import MARK
from qmtwist.mail.envelope import Envelope
from qmtwist.wire import injection
from qmtwist.wire.injection import Reply
from qmtwist.wire.injectionserver import Introduced, MessagePiece, ServerSession, Submitted, format_reply

ENVELOPE = Envelope(b"s@x", (b"a@y", b"b@z"))
ENVIRON = {b"PATH": b"/usr/bin:/bin"}
LIMIT_S = 60
QUEUED = Reply(0, b"1")


class Server(threading.Thread):
    """Takes one message at HOME/queue/lock/injection, answers `answer`, and hangs up.

    With `greeting` it says only that; with `patience` it hangs up after so many pieces of the message.
    """

    def __init__(
        self, home: Path, answer: Reply, greeting: bytes = b"", patience: int = 1 << 30, place: str = "queue/lock"
    ) -> None:
        super().__init__(daemon=True)
        (home / place).mkdir(parents=True)
        self.message, self.envelope, self.uid = b"", b"", -1
        self._answer, self._greeting, self._patience = answer, greeting, patience
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home / place / "injection"))
        self._listener.listen(1)
        self._listener.settimeout(LIMIT_S)
        self.is_submitted = False

    def run(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(LIMIT_S)
        session = ServerSession()
        with self._listener, connection:
            while data := connection.recv(65536):
                session.receive(data)
                while (event := session.next_event()) is not None:
                    if isinstance(event, Introduced):
                        self.uid = event.uid
                        connection.sendall(self._greeting or session.go_on())
                        if self._greeting:
                            return
                    elif isinstance(event, MessagePiece):
                        self.message += event.data
                        self._patience -= 1
                        if not self._patience:
                            return
                    elif isinstance(event, Submitted):
                        self.is_submitted = True
                        self.envelope = repr(event.envelope).encode()
                        connection.sendall(format_reply(self._answer))
                        return


Serve = Callable[..., Server]


@pytest.fixture
def home(short_directory: Path) -> Path:
    """One with a launcher of ours that says with its exit status that it was run."""
    (short_directory / "bin").mkdir()
    program = short_directory / "bin" / "qmail-queue"
    program.write_text(f"#!/bin/sh\n{MARK.decode()}\ncat >/dev/null; exit 31\n")
    program.chmod(0o755)
    return short_directory


@pytest.fixture
def short_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The name of a socket has 107 bytes at most."""
    path = tmp_path_factory.mktemp("h", numbered=True)
    assert len(str(path)) < 80
    return path


@pytest.fixture
def serve(home: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(
        answer: Reply = QUEUED, greeting: bytes = b"", patience: int = 1 << 30, place: str = "queue/lock"
    ) -> Server:
        server = Server(home, answer, greeting, patience, place)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.join(LIMIT_S)
        assert not server.is_alive()


def keep(home: Path) -> None:
    """From now on the program keeps the message and says that it is queued."""
    text = f"#!/bin/sh\n{MARK.decode()}\ncat >message; cat <&1 >envelope\n"
    (home / "bin" / "qmail-queue").write_text(text)


RAN = b"Dmail server permanently rejected message (#5.3.0)"


def test_the_server_gets_message_and_envelope_and_no_program_runs(home: Path, serve: Serve) -> None:
    server = serve()
    body = b"x" * 300_000
    assert submit(str(home), [b"Subject: a\n\n", b"", body], ENVELOPE, ENVIRON) == SubmitResult(os.getpid(), b"")
    server.join(LIMIT_S)
    assert server.message == b"Subject: a\n\n" + body
    assert server.envelope == repr(ENVELOPE).encode()
    assert server.uid == os.getuid()


def test_the_socket_for_everybody_is_tried_where_the_queue_cannot_be_entered(home: Path, serve: Serve) -> None:
    server = serve(place="run")
    assert submit(str(home), [b"x"], ENVELOPE, ENVIRON).text == b""
    server.join(LIMIT_S)
    assert server.message == b"x"


@pytest.mark.parametrize(
    ("code", "text"),
    [(11, b"Denvelope address too long for qq (#5.1.3)"), (53, b"Zqq write error or disk full (#4.3.0)")],
)
def test_a_refusal_means_what_qmail_queues_exit_code_means(home: Path, serve: Serve, code: int, text: bytes) -> None:
    serve(Reply(code, b"no"))
    assert submit(str(home), [b"x"], ENVELOPE, ENVIRON).text == text


def test_a_refusal_at_the_start_comes_out_at_the_end(home: Path, serve: Serve) -> None:
    serve(greeting=format_reply(Reply(53, b"disk full")))
    assert submit(str(home), [b"x"], ENVELOPE, ENVIRON).text == b"Zqq write error or disk full (#4.3.0)"


def test_a_server_that_dies_with_the_message_makes_it_temporary_and_no_second_way_is_tried(
    home: Path, serve: Serve
) -> None:
    serve(patience=2)
    pieces = [b"x" * 65536] * 64
    assert submit(str(home), pieces, ENVELOPE, ENVIRON).text == b"Zcommunication with mail server failed (#4.4.2)"


def test_what_is_abandoned_is_never_submitted(home: Path, serve: Serve) -> None:
    server = serve()
    with Submission(str(home), ENVIRON) as submission:
        submission.write(b"Subject: a\n")
    server.join(LIMIT_S)
    assert (server.message, server.is_submitted) == (b"", False)


def test_what_is_abandoned_when_much_has_been_sent_is_never_submitted(home: Path, serve: Serve) -> None:
    server = serve()
    with Submission(str(home), ENVIRON) as submission:
        submission.write(b"x" * 100_000)
    server.join(LIMIT_S)
    assert (server.message, server.is_submitted) == (b"x" * 100_000, False)


def test_a_nul_in_an_address_is_refused_before_anything_is_submitted(home: Path, serve: Serve) -> None:
    server = serve()
    with pytest.raises(ValueError), Submission(str(home), ENVIRON) as submission:
        submission.finish(Envelope(b"s\0Tx@y", (b"a@y",)))
    server.join(LIMIT_S)
    assert not server.is_submitted


@pytest.mark.parametrize("size", [0, 1, 40_000, 1_000_000])
def test_a_server_that_takes_nothing_more_leaves_all_of_it_to_the_program(home: Path, serve: Serve, size: int) -> None:
    keep(home)
    serve(greeting=injection.SAY_CLOSING)
    pieces = [b"Subject: a\n\n", b"x" * size, b"end\n"]
    assert submit(str(home), pieces, ENVELOPE, ENVIRON).text == b""
    assert (home / "message").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_server_that_hangs_up_without_reading_leaves_all_of_it_to_the_program(home: Path, size: int) -> None:
    keep(home)
    (home / "queue" / "lock").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "queue" / "lock" / "injection"))
        listener.listen(1)
        submission = Submission(str(home), ENVIRON)
        listener.accept()[0].close()
        submission.write(b"x" * size)
        result = submission.finish(ENVELOPE)
    assert (result.text, result.qp == os.getpid()) == (b"", False)
    assert (home / "message").read_bytes() == b"x" * size


def test_a_server_that_ends_without_a_word_after_reading_all_of_it_is_not_doubted(home: Path, serve: Serve) -> None:
    keep(home)
    serve(greeting=b"", patience=1)
    text = submit(str(home), [b"x"], ENVELOPE, ENVIRON).text
    assert text == b"Zcommunication with mail server failed (#4.4.2)"
    assert not (home / "message").exists()


@pytest.mark.parametrize("recipients", [1, 10, 20_000])
def test_an_envelope_of_any_size_arrives(home: Path, serve: Serve, recipients: int) -> None:
    server = serve()
    envelope = Envelope(b"s@x", tuple(b"r%d@y" % number for number in range(recipients)))
    assert submit(str(home), [b"x" * 30_000], envelope, ENVIRON).text == b""
    server.join(LIMIT_S)
    assert (server.message, server.envelope) == (b"x" * 30_000, repr(envelope).encode())


def test_without_a_server_the_program_runs(home: Path) -> None:
    assert submit(str(home), [b"x"], ENVELOPE, ENVIRON).text == RAN


@pytest.mark.parametrize("reason", ["QMAILQUEUE", "replaced", "link"])
def test_another_queue_program_is_asked_though_a_server_runs(home: Path, reason: str) -> None:
    (home / "queue" / "lock").mkdir(parents=True)
    program = home / "bin" / "qmail-queue"
    environ = dict(ENVIRON)
    if reason == "QMAILQUEUE":
        environ[b"QMAILQUEUE"] = b"bin/qmail-queue"
    elif reason == "replaced":
        program.write_text("#!/bin/sh\ncat >/dev/null; exit 31\n")
    else:
        program.rename(home / "bin" / "qmail-qmqpc")
        program.symlink_to("qmail-qmqpc")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "queue" / "lock" / "injection"))
        listener.listen(1)
        listener.setblocking(False)
        assert submit(str(home), [b"x"], ENVELOPE, environ).text == RAN
        with pytest.raises(BlockingIOError):
            listener.accept()
