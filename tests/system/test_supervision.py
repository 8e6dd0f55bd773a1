"""supervise, svc, svstat, svok, svscan, multilog as programs, beside those of Debian's package daemontools."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.processes import tree
from tests.support.services import DEBIAN, LIMIT_S, RUN, Place, command_line, needs_daemontools, wait_for

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of our own programs."""
    home = tmp_path_factory.mktemp("home")
    write_launchers(str(home))
    return f"{home}/bin"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def pair(supervisor: str, client: str) -> object:
    marks = [needs_daemontools] if "debian" in (supervisor, client) else []
    return pytest.param(supervisor, client, id=f"{supervisor}-supervise-{client}-svc", marks=marks)


@pytest.mark.parametrize(("supervisor", "client"), [pair("own", "own"), pair("own", "debian"), pair("debian", "own")])
def test_the_life_of_a_service(place: Place, own: str, supervisor: str, client: str) -> None:
    """S057, S058, S061, S074: also with Debian's svc, or Debian's supervise."""
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
    """S057"""
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
    """S060"""
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
