"""qmail-inject as a program, given what nobody should send: bounded memory, a clear end, nothing half queued."""

from __future__ import annotations

import itertools
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.injection import GO
from qmtwist.wire.netstring import netstring
from tests.support.apart import play_apart
from tests.support.queues import files, make_queue
from tests.support.small_disk import fill, mount_image

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, {home!r})"
RECORDER = "#!/bin/sh\nwc -c >{home}/size\ncat <&1 >{home}/envelope\n"
# Runs the program and says how much memory it had at most: our own size before the exec must not count.
MEASURE = """import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.executable, sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
os.write(2, b"PEAK %d" % usage.ru_maxrss)
os._exit(os.waitstatus_to_exitcode(status))
"""
SMALL_MB, LARGE_MB = 40, 500


class Ended(NamedTuple):
    """How it ended, and its greatest size in megabytes."""

    status: int
    said: bytes
    peak_mb: float


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "control").mkdir()
        (path / "control/me").write_text("me.example\n")
        recorder = path / "recorder"
        recorder.write_text(RECORDER.format(home=path))
        recorder.chmod(0o755)

    def inject(
        self,
        pieces: Iterable[bytes],
        *words: str,
        name: str = "qmail-inject",
        first: Callable[[], None] | None = None,
        **environ: str,
    ) -> Ended:
        """Run it with this message, and with `environ` on top of a plain environment."""
        code = RUN.format(top=TOP, name=name, home=str(self.path))
        settings = {"PATH": "/usr/bin:/bin", "USER": "joe", "QMAILQUEUE": str(self.path / "recorder")} | environ
        program = [sys.executable, "-IS", "-c", code, *words]
        command = [sys.executable, "-IS", "-c", MEASURE, *program]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=settings, preexec_fn=first
        ) as child:
            assert child.stdin is not None and child.stderr is not None
            try:
                for piece in pieces:
                    child.stdin.write(piece)
                child.stdin.close()
            except BrokenPipeError:
                pass  # it has seen enough
            said, _, peak = child.stderr.read().rpartition(b"PEAK ")
        return Ended(child.returncode, said, int(peak) / 1024)

    def queued(self) -> tuple[int, bytes] | None:
        """Size of the message and the envelope that reached the queue program."""
        size, envelope = self.path / "size", self.path / "envelope"
        return (int(size.read_text()), envelope.read_bytes()) if envelope.exists() else None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def body(megabytes: int, line: bytes) -> Iterator[bytes]:
    """So much of a body."""
    yield from [line * (65536 // len(line))] * (megabytes * 16)


@pytest.mark.parametrize("line", [b"y" * 63 + b"\n", b"y" * 62 + b"\r\n", b"y" * 64])
def test_fifty_megabytes_take_no_more_memory_than_five(home: Home, line: bytes) -> None:
    end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
    ended = home.inject([b"To: a" + end + end, *body(50, line)])
    assert ended.status == 0 and ended.peak_mb < SMALL_MB
    queued = home.queued()
    assert queued is not None and queued[0] > 50 * 1024 * 1000


MEGA = 1_000_000
REFUSED = {
    "comments never closed, in From": b"From: " + b"(" * MEGA,
    "a quote never closed, in From": b'From: "' + b"x" * 10 * MEGA,
    "a quote never closed, in the only To": b'To: "' + b"x" * 10 * MEGA,
    "an address of 10 MB": b"To: " + b"x" * 10 * MEGA,
    "an address of many parts": b"To: " + b"x." * 100_000,
    "NULs": b"To: \0" + b"\0" * 10 * MEGA,
    "commas": b"To: " + b"," * 10 * MEGA,
    "many, many addresses": b"To: " + b"a," * 1_100_000,
    "many, many groups": b"To: " + b"a:;," * 600_000,
    "many, many fields": b"X: y\n" * 300_000,
    "a header that does not end": b"X: " + b"y" * 40 * MEGA,
}


@pytest.mark.parametrize("message", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_too_much_is_refused_in_bounded_memory(home: Home, message: bytes) -> None:
    ended = home.inject([message, b"\n\n"])
    assert ended.status == 100 and ended.said.startswith(b"qmail-inject: fatal: ") and len(ended.said) < 2200
    assert ended.peak_mb < LARGE_MB and home.queued() is None


@pytest.mark.parametrize(
    "field",
    [
        b"To: " + b"(" * 10_000 + b")" * 10_000 + b" joe",
        b"To: " + b"(" * MEGA + b")" * MEGA + b" joe",
        b"To: joe\nCc: " + b"(" * 10_000,
        b"To: joe\nSubject: " + b"s" * 10 * MEGA,
        b"To: joe\nReply-To: " + b"a:;," * 10_000,
    ],
    ids=["10,000 deep", "a million deep", "10,000 open", "10 MB of subject", "10,000 groups"],
)
def test_what_is_only_odd_is_taken(home: Home, field: bytes) -> None:
    ended = home.inject([field, b"\n\nbody\n"])
    assert (ended.status, ended.said) == (0, b"") and ended.peak_mb < 100
    queued = home.queued()
    assert queued is not None and queued[1] == b"Fjoe@me.example\0Tjoe@me.example\0\0"


def test_a_hundred_thousand_recipients_are_taken(home: Home) -> None:
    names = [b"user%d@host.example" % number for number in range(100_000)]
    ended = home.inject([b"To: ", b",\n ".join(names), b"\n\n"])
    assert ended.status == 0 and ended.peak_mb < LARGE_MB
    queued = home.queued()
    assert queued is not None
    assert queued[1] == b"Fjoe@me.example\0" + b"".join([b"T" + name + b"\0" for name in names[::-1]]) + b"\0"


def test_without_memory_it_says_so_and_may_be_tried_again(home: Home) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (48 << 20, 48 << 20))

    ended = home.inject([b"To: " + b"a@b.example, " * 80_000, b"\n\n"], first=limit)
    assert (ended.status, ended.said) == (111, b"qmail-inject: fatal: out of memory\n") and home.queued() is None


def test_without_standard_input_it_may_be_tried_again(home: Home) -> None:
    ended = home.inject([], "a", first=lambda: os.close(0))
    assert (ended.status, ended.said) == (111, b"qmail-inject: fatal: read error\n") and home.queued() is None


@pytest.mark.parametrize(("words", "status"), [(["-f"], 100), (["a@(b"], 100), (["a@b.c"], 0)])
def test_without_standard_error_it_ends_as_ever(home: Home, words: list[str], status: int) -> None:
    code = RUN.format(top=TOP, name="qmail-inject", home=str(home.path))
    command = ["sh", "-c", 'exec "$@" 2>&- >&-', "sh", sys.executable, "-IS", "-c", code, *words]
    settings = {"PATH": "/usr/bin:/bin", "USER": "joe", "QMAILQUEUE": str(home.path / "recorder")}
    assert subprocess.run(command, stdin=subprocess.DEVNULL, env=settings).returncode == status
    assert (home.queued() is None) == (status != 0)


def test_what_cannot_be_printed_is_not_taken_for_printed(home: Home) -> None:
    with open("/dev/full", "wb") as full:
        code = RUN.format(top=TOP, name="qmail-inject", home=str(home.path))
        command = [sys.executable, "-IS", "-c", code, "-n", "a"]
        ended = subprocess.run(command, input=b"\n", stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (111, b"qmail-inject: fatal: write error\n")


def test_without_a_home_it_may_be_tried_again(home: Home) -> None:
    home.path = home.path / "none"
    ended = home.inject([b"To: a\n\n"])
    assert (ended.status, ended.said) == (111, b"qmail-inject: fatal: internal bug\n")


def real_queue(path: Path) -> dict[str, str]:
    """Settings with which the home's own qmail-queue is run."""
    return {"QMAILQUEUE": "bin/qmail-queue", "QMTWIST_HOME": str(path)}


class DyingDaemon:
    """Listens where the daemon would, takes so much of a message, and hangs up."""

    def __init__(self, path: Path, taken: int) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._taken = taken
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(netstring(GO))
            while self._taken > 0:
                self._taken -= len(connection.recv(65536)) or self._taken

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


# the program, its words, and the status that means "try again later"
LATER = (("qmail-inject", (), 111), ("sendmail", ("-t",), 75))


@pytest.mark.parametrize(("name", "words", "status"), LATER)
@pytest.mark.parametrize("queue_program", ["", "bin/qmail-queue"])
@pytest.mark.parametrize("taken", [1, 300_000, 1_048_000])
def test_a_daemon_that_dies_meanwhile_leaves_nothing_behind(
    tmp_path: Path, taken: int, queue_program: str, name: str, words: tuple[str, ...], status: int
) -> None:
    home = Home(tmp_path)
    write_launchers(str(tmp_path))
    make_queue(str(tmp_path / "queue"))
    daemon = DyingDaemon(tmp_path / "queue/lock/injection", taken)
    settings = {"QMAILQUEUE": queue_program, "QMTWIST_HOME": str(tmp_path)}
    ended = home.inject([b"To: a\n\n", *body(1, b"x" * 63 + b"\n")], *words, name=name, **settings)
    daemon.close()
    assert ended.status == status and ended.said.startswith(b"qmail-inject: fatal: ")
    assert files(Layout(str(tmp_path / "queue"))) == {}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a disk of its own")
def test_a_full_disk_is_told_and_nothing_is_queued(open_directory: str) -> None:
    play_apart(play_a_full_disk_is_told_and_nothing_is_queued, open_directory)


def play_a_full_disk_is_told_and_nothing_is_queued(directory: str) -> None:
    path = Path(directory) / "disk"
    path.mkdir()
    mount_image(f"{directory}/image", str(path), 16)
    home = Home(path)
    write_launchers(str(path))
    make_queue(str(path / "queue"))
    for room, (name, words, status) in itertools.product((0, 300_000), LATER):
        fill(f"{path}/ballast", room)
        message = [b"To: a\n\n", *body(1, b"x" * 63 + b"\n")]
        ended = home.inject(message, *words, name=name, **real_queue(path))
        assert ended.status == status and ended.said.startswith(b"qmail-inject: fatal: qq "), ended
        assert not [name for name in files(Layout(str(path / "queue"))) if name.startswith(("todo", "intd"))]
        (path / "ballast").unlink()
