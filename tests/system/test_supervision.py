"""supervise, svc, svstat, svok, svscan, multilog as programs, beside those of Debian's package daemontools."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.processes import kill_all, tree

pytestmark = pytest.mark.system

LIMIT_S = 20.0
DEBIAN = "/usr/bin"
needs_daemontools = pytest.mark.skipif(not os.path.exists(f"{DEBIAN}/multilog"), reason="needs the package daemontools")
RUN = "#!/bin/sh\nexec sleep 1000\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of our own programs."""
    home = tmp_path_factory.mktemp("home")
    write_launchers(str(home))
    return f"{home}/bin"


class Place:
    """A directory of services; what was started in it ends with the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[subprocess.Popen[bytes]] = []

    def make(self, name: str, script: str = RUN) -> Path:
        """A service."""
        path = self.directory / name
        path.mkdir(parents=True)
        (path / "run").write_text(script)
        (path / "run").chmod(0o755)
        return path

    def start(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a program here."""
        process = subprocess.Popen(command, cwd=self.directory, **options)  # type: ignore[call-overload]
        self._started.append(process)
        assert isinstance(process, subprocess.Popen)
        return process

    def run(self, *command: str, text: bytes = b"") -> tuple[int, str, str]:
        """Run one to its end: exit status, output, errors."""
        ended = subprocess.run(command, cwd=self.directory, input=text, capture_output=True, timeout=LIMIT_S)
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    def close(self) -> None:
        """End all that is left."""
        for process in self._started:
            kill_all(list(tree(process.pid)))
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def pair(supervisor: str, client: str) -> object:
    marks = [needs_daemontools] if "debian" in (supervisor, client) else []
    return pytest.param(supervisor, client, id=f"{supervisor}-supervise-{client}-svc", marks=marks)


@pytest.mark.parametrize(("supervisor", "client"), [pair("own", "own"), pair("own", "debian"), pair("debian", "own")])
def test_the_life_of_a_service(place: Place, own: str, supervisor: str, client: str) -> None:
    bins = {"own": own, "debian": DEBIAN}
    tools = bins[client]

    def expect(*words: str) -> None:
        """Wait for a line of svstat that has these parts in order."""

        def is_so() -> bool:
            line, at = place.run(f"{tools}/svstat", "a")[1], 0
            for word in words:
                at = line.find(word, at)
                if at < 0:
                    return False
                at += len(word)
            return line.endswith(f"{words[-1]}\n")

        wait_for(is_so, f"{words}, not {place.run(f'{tools}/svstat', 'a')[1]}")

    def svc(letters: str) -> None:
        assert place.run(f"{tools}/svc", f"-{letters}", "a") == (0, "", "")

    place.make("a")
    assert place.run(f"{tools}/svok", "a")[0] == 100
    process = place.start(f"{bins[supervisor]}/supervise", "a")
    expect("a: up (pid ", " seconds")
    assert place.run(f"{tools}/svok", "a")[0] == 0
    assert len((place.directory / "a/supervise/status").read_bytes()) == 18
    for letters, words in (
        ("p", ("up (pid ", ", paused")),
        ("c", ("up (pid ", " seconds")),
        ("d", ("down ", " seconds, normally up")),
        ("u", ("up (pid ", " seconds")),
        ("o", ("up (pid ", " seconds")),
        ("h", ("down ", " seconds, normally up")),
        ("u", ("up (pid ", " seconds")),
    ):
        svc(letters)
        expect(*words)
    (place.directory / "a/down").touch()
    expect("up (pid ", ", normally down")
    svc("t")  # and it is started again
    expect("up (pid ", ", normally down")
    svc("dx")
    assert process.wait(LIMIT_S) == 0
    expect("a: supervise not running")
    assert place.run(f"{tools}/svok", "a")[0] == 100
    warning = "svc: warning: unable to control a: supervise not running\n"
    assert place.run(f"{tools}/svc", "-u", "a") == (0, "", warning)


@needs_daemontools
def test_there_is_one_supervisor_whoever_came_first(place: Place, own: str) -> None:
    complaint = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure\n"
    place.make("a")
    for first, second in ((own, DEBIAN), (DEBIAN, own)):
        process = place.start(f"{first}/supervise", "a")
        wait_for(lambda: place.run(f"{own}/svok", "a")[0] == 0, "it runs")
        assert place.run(f"{second}/supervise", "a") == (111, "", complaint)
        place.run(f"{own}/svc", "-dx", "a")
        assert process.wait(LIMIT_S) == 0


def test_a_service_is_started_at_most_once_a_second_and_orders_do_not_wait(place: Place, own: str) -> None:
    place.make("a", "#!/bin/sh\ndate +%s.%N >>times\nexit 1\n")
    process = place.start(f"{own}/supervise", "a")
    times = place.directory / "a/times"
    wait_for(lambda: times.exists() and times.read_text().count("\n") >= 3, "three starts")
    starts = [float(line) for line in times.read_text().split()]
    assert all(after - before > 0.9 for before, after in itertools.pairwise(starts))
    began = time.monotonic()
    place.run(f"{own}/svc", "-dx", "a")
    assert process.wait(LIMIT_S) == 0
    assert time.monotonic() - began < 0.9


def test_a_run_script_that_is_missing_is_looked_for_again(place: Place, own: str) -> None:
    (place.directory / "a").mkdir()
    process = place.start(f"{own}/supervise", "a", stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline() == b"supervise: fatal: unable to start a/run: file does not exist\n"
    path = place.directory / "a/run"
    (place.directory / "new").write_text(RUN)
    (place.directory / "new").chmod(0o755)
    os.rename(place.directory / "new", path)
    wait_for(lambda: " up (pid " in place.run(f"{own}/svstat", "a")[1], "it is up")
    place.run(f"{own}/svc", "-dx", "a")
    assert process.wait(LIMIT_S) == 0


def test_signals_reach_a_service_as_if_a_shell_had_started_it(place: Place, own: str) -> None:
    """Python ignores SIGPIPE; what it starts must not."""
    place.make("a", "#!/bin/sh\nexec grep -E '^Sig(Ign|Blk)' /proc/self/status >ignored\n")
    process = place.start(f"{own}/supervise", "a")
    ignored = place.directory / "a/ignored"
    wait_for(lambda: ignored.exists() and ignored.read_text().count("\n") == 2, "it has run")
    # of the usual 31: glibc ignores two of its own in what it spawns
    assert {int(line.split()[1], 16) & 0x7FFFFFFF for line in ignored.read_text().splitlines()} == {0}
    place.run(f"{own}/svc", "-dx", "a")
    process.wait(LIMIT_S)


@pytest.mark.parametrize("supervisor", ["own", pytest.param("debian", marks=needs_daemontools)])
def test_svscan_connects_a_service_with_its_log(place: Place, own: str, supervisor: str) -> None:
    place.make("services/a", "#!/bin/sh\necho started; exec sleep 1000\n")
    place.make("services/a/log", f"#!/bin/sh\nexec {own}/multilog t ./main\n")
    place.make("services/.hidden")
    (place.directory / "services/file").touch()
    path = f"{own if supervisor == 'own' else DEBIAN}:/usr/bin:/bin"
    process = place.start(f"{own}/svscan", "services", env={"PATH": path})
    current = place.directory / "services/a/log/main/current"
    wait_for(lambda: current.exists() and current.read_bytes().count(b" started\n") == 1, "a line in the log")
    assert not (place.directory / "services/.hidden/supervise").exists()

    # the pipe is the same when the log was restarted
    assert place.run(f"{own}/svc", "-t", "services/a/log")[0] == 0
    assert place.run(f"{own}/svc", "-t", "services/a")[0] == 0
    wait_for(lambda: current.read_bytes().count(b" started\n") == 2, "another line")

    # a supervisor that dies is replaced within five seconds; its orphan is told to go by the next one's user
    supervisors = [pid for pid in tree(process.pid) if command_line(pid).endswith(["supervise", "a"])]
    (service,) = [pid for pid in tree(supervisors[0]) if "sleep" in command_line(pid)]
    os.kill(service, signal.SIGKILL)
    os.kill(supervisors[0], signal.SIGKILL)
    wait_for(lambda: place.run(f"{own}/svok", "services/a")[0] == 0, "another supervisor")
    wait_for(lambda: current.read_bytes().count(b" started\n") >= 3, "a third line")

    process.kill()
    assert place.run(f"{own}/svc", "-dx", "services/a", "services/a/log") == (0, "", "")
    for name in ("services/a", "services/a/log"):
        wait_for(lambda name=name: place.run(f"{own}/svok", name)[0] == 100, "the end")  # type: ignore[misc]


class Words(list[str]):
    def endswith(self, words: list[str]) -> bool:
        return self[-len(words) :] == words


def command_line(pid: int) -> Words:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="latin-1") as stream:
            return Words(word.rpartition("/")[2] for word in stream.read().split("\0")[:-1])
    except OSError:
        return Words()


def test_readproctitle_shows_what_came_last(place: Place, own: str) -> None:
    dots = "." * 20
    process = place.start(f"{own}/readproctitle", "service", "errors:", dots, stdin=subprocess.PIPE)
    assert process.stdin is not None
    wait_for(lambda: command_line(process.pid)[-1:] == [dots], "it has begun")
    process.stdin.write(b"fatal error xyz\nwarn\0ing abc\n")
    process.stdin.flush()
    wait_for(lambda: command_line(process.pid)[-1:] == ["... xyz\nwarning abc\n"], "errors in its title")
    process.stdin.close()
    assert process.wait(LIMIT_S) == 0


def test_svscanboot_starts_all_and_shows_errors(place: Place, own: str) -> None:
    place.make("services/a", "#!/bin/sh\necho $PATH >path; exec sleep 1000\n")
    (place.directory / "services/broken").mkdir()
    process = place.start(f"{own}/svscanboot", str(place.directory / "services"), env={"LANG": "C"})
    wait_for(lambda: place.run(f"{own}/svok", "services/a")[0] == 0, "it runs")
    wait_for(
        lambda: any("run: file does not exist" in word for word in command_line(process.pid)), "the error is shown"
    )
    path = place.directory / "services/a/path"
    wait_for(lambda: path.exists() and path.read_text().startswith("/command:/usr/local/bin:"), "its PATH")
    assert command_line(process.pid)[-3:-1] == ["service", "errors:"]
    (scan,) = [pid for pid in tree(process.pid) if command_line(pid).endswith(["svscan", "services"])]
    os.kill(scan, signal.SIGKILL)
    for name in ("a", "broken"):
        place.run(f"{own}/svc", "-dx", f"services/{name}")
    assert process.wait(LIMIT_S) == 0  # nobody is left who could complain


# -- multilog


def sizes(directory: Path) -> list[tuple[str, int, int]]:
    found = []
    for path in sorted(directory.iterdir()):
        status = path.stat()
        name = path.name if path.name[0] != "@" else "@" + path.name[25:]
        found.append((name, status.st_size, status.st_mode & 0o7777))
    return found


@needs_daemontools
@pytest.mark.parametrize("seed", range(6))
def test_files_have_the_sizes_that_daemontools_gives_them(place: Place, own: str, seed: int) -> None:
    chance = random.Random(seed)
    longest = chance.choice((20, 80, 200, 600, 1100, 2500))
    lines = [b"x" * chance.randrange(longest) for _ in range(60000 // longest)]
    script = [f"s{chance.randrange(4000, 9000)}", f"n{chance.randrange(2, 30)}"]
    text = place.directory / "input"
    text.write_bytes(b"\n".join(lines))
    for name, tools in (("ours", own), ("theirs", DEBIAN)):
        with open(text, "rb") as stream:
            assert place.start(f"{tools}/multilog", *script, f"./{name}", stdin=stream).wait(LIMIT_S) == 0
    assert sizes(place.directory / "ours") == sizes(place.directory / "theirs")
    for mine, other in zip(
        sorted((place.directory / "ours").glob("@*")), sorted((place.directory / "theirs").glob("@*")), strict=True
    ):
        assert mine.read_bytes() == other.read_bytes()


@needs_daemontools
def test_a_log_can_be_carried_on_by_either(place: Place, own: str) -> None:
    for tools in (own, DEBIAN, own):
        assert place.run(f"{tools}/multilog", "./log", text=b"line\n") == (0, "", "")
    assert (place.directory / "log/current").read_bytes() == b"line\n" * 3
    first = place.start(f"{DEBIAN}/multilog", "./log", stdin=subprocess.PIPE)
    wait_for(lambda: (place.directory / "log/current").stat().st_mode & 0o777 == 0o644, "it is open")
    complaint = "multilog: fatal: unable to lock directory ./log: temporary failure\n"
    assert place.run(f"{own}/multilog", "./log") == (111, "", complaint)
    assert first.stdin is not None
    first.stdin.close()
    assert first.wait(LIMIT_S) == 0


def test_a_term_takes_nothing_beyond_the_line(place: Place, own: str) -> None:
    reading, writing = os.pipe()
    try:
        first = place.start(f"{own}/multilog", "./log", stdin=reading)
        current = place.directory / "log/current"
        os.write(writing, b"one\npart")
        wait_for(lambda: current.exists() and current.read_bytes() == b"one\n", "a line is written")
        first.terminate()
        os.write(writing, b"ial\nthree\n")
        assert first.wait(LIMIT_S) == 0
        assert current.read_bytes() == b"one\npartial\n"
        os.close(writing)
        writing = -1
        assert place.start(f"{own}/multilog", "./log", stdin=reading).wait(LIMIT_S) == 0
        assert current.read_bytes() == b"one\npartial\nthree\n"
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def test_an_alarm_begins_a_new_file(place: Place, own: str) -> None:
    process = place.start(f"{own}/multilog", "./log", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    current = place.directory / "log/current"
    wait_for(lambda: current.exists() and current.read_bytes() == b"one\n", "a line is written")
    process.send_signal(signal.SIGALRM)
    wait_for(lambda: len(list((place.directory / "log").glob("@*.s"))) == 1, "an old file")
    process.stdin.close()
    assert process.wait(LIMIT_S) == 0


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounts a small disk")
def test_a_disk_that_is_full_for_a_while_costs_no_line(place: Place, own: str) -> None:
    """More lines than a small disk holds; somebody makes room when multilog has complained."""
    (place.directory / "disk").mkdir()
    script = (
        "mount -t tmpfs -o size=64k none disk && head -c 50000 /dev/zero >disk/ballast && "
        f"seq 3000 | {own}/multilog s99999 ./disk/log 2>errors & "
        "until grep -q pausing errors; do sleep 0.1; done; rm disk/ballast; wait; cp disk/log/current copied"
    )
    process = place.start("unshare", "-m", "sh", "-c", script)
    assert process.wait(LIMIT_S) == 0
    assert (place.directory / "copied").read_text().split() == [str(number) for number in range(1, 3001)]
    complaint = "multilog: warning: unable to write to ./disk/log/current, pausing: out of disk space\n"
    assert (place.directory / "errors").read_text() == complaint


# -- stamps and the system log


@needs_daemontools
def test_local_time_is_what_daemontools_says(place: Place, own: str) -> None:
    chance = random.Random(1)
    lines = [b"@%024x rest\n" % ((2**62 + chance.randrange(2**33) << 32) + chance.randrange(2**32)) for _ in range(200)]
    text = b"".join(lines) + b"@400000003c675d4000fb2ebc no end"
    for zone in ("UTC", "Australia/Lord_Howe", "America/New_York"):
        results = [
            subprocess.run([f"{tools}/tai64nlocal"], input=text, capture_output=True, env={"TZ": zone}).stdout
            for tools in (own, DEBIAN)
        ]
        assert results[0] == results[1]


def test_stamps_pass_from_one_program_to_the_next(place: Place, own: str) -> None:
    pipe = f"printf 'a\\n\\nb' | {own}/tai64n | {own}/tai64nfrac; echo; printf 'c\\n' | {own}/accustamp"
    before = time.time()
    status, out, _ = place.run("sh", "-c", pipe)
    assert status == 0
    lines = out.split("\n")
    assert [line.partition(" ")[2] for line in lines] == ["a", "", "b", "c", ""]
    assert all(before - 1 < float(line.split()[0]) < time.time() + 1 for line in lines[:-1])
    assert [len(line.split()[0].partition(".")[2]) for line in lines[:-1]] == [9, 9, 9, 6]


def test_cyclog_is_multilog_by_another_name(place: Place, own: str) -> None:
    text = b"".join(b"line %d of the log\n" % number for number in range(1500))
    assert place.run(f"{own}/cyclog", "-s", "5000", "-n", "4", "old", text=text) == (0, "", "")
    assert place.run(f"{own}/multilog", "s5000", "n4", "./new", text=text) == (0, "", "")
    assert sizes(place.directory / "old") == sizes(place.directory / "new")
    assert place.run(f"{own}/cyclog", "-s", "x", "old")[0] == 100
    assert place.run(f"{own}/cyclog")[0] == 100
