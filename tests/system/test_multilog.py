"""multilog and the programs for stamps and logs, as programs, beside those of Debian's package daemontools."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.services import DEBIAN, LIMIT_S, Place, needs_daemontools, wait_for

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
    """S089"""
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
    """S090"""
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
    """S092, S095"""
    pipe = f"printf 'a\\n\\nb' | {own}/tai64n | {own}/tai64nfrac; echo; printf 'c\\n' | {own}/accustamp"
    before = time.time()
    status, out, _ = place.run("sh", "-c", pipe)
    assert status == 0
    lines = out.split("\n")
    assert [line.partition(" ")[2] for line in lines] == ["a", "", "b", "c", ""]
    assert all(before - 1 < float(line.split()[0]) < time.time() + 1 for line in lines[:-1])
    assert [len(line.split()[0].partition(".")[2]) for line in lines[:-1]] == [9, 9, 9, 6]


def test_cyclog_is_multilog_by_another_name(place: Place, own: str) -> None:
    """S092"""
    text = b"".join(b"line %d of the log\n" % number for number in range(1500))
    assert place.run(f"{own}/cyclog", "-s", "5000", "-n", "4", "old", text=text) == (0, "", "")
    assert place.run(f"{own}/multilog", "s5000", "n4", "./new", text=text) == (0, "", "")
    assert sizes(place.directory / "old") == sizes(place.directory / "new")
    assert place.run(f"{own}/cyclog", "-s", "x", "old")[0] == 100
    assert place.run(f"{own}/cyclog")[0] == 100


LISTENER = """
import os, socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
text = b"delivery 153: success: did_1+0+0/\\nwarning: t\\xe4st\\nalert: partial"
ended = subprocess.run([sys.argv[1], *sys.argv[2:]], input=text, timeout=20)
log.setblocking(False)
try:
    while True:
        print(log.recv(9999).decode())
except BlockingIOError:
    sys.exit(ended.returncode)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs a /dev of its own")
@pytest.mark.parametrize(
    ("words", "tag", "facility"), [(["qmail"], "qmail", 2), (["smtpd", "3"], "smtpd", 3), ([], "splogger", 2)]
)
def test_splogger_writes_to_the_system_log(place: Place, own: str, words: list[str], tag: str, facility: int) -> None:
    """S091: with tag and facility, with a tag alone, and without."""
    (place.directory / "listen.py").write_text(LISTENER)
    script = 'mount -t tmpfs none /dev && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "listen.py", f"{own}/splogger", *words]
    status, out, errors = place.run(*command)
    assert (status, errors) == (0, "")
    entries = [line.partition(">") for line in out.splitlines()]
    assert [int(priority[1:]) for priority, _, _ in entries] == [facility << 3 | level for level in (6, 4, 1)]
    for (_, _, entry), text in zip(
        entries, ["delivery 153: success: did_1+0+0/", "warning: t?st", "alert: partial"], strict=True
    ):
        said_tag, seconds, rest = entry[16:].split(" ", 2)
        assert (said_tag, rest) == (f"{tag}:", text)
        assert abs(float(seconds) - time.time()) < 30
        assert time.strptime(entry[:15], "%b %d %H:%M:%S").tm_mon in range(1, 13)


@needs_daemontools
@pytest.mark.parametrize("seed", range(6))
def test_any_script_does_what_it_does_in_daemontools(place: Place, own: str, seed: int) -> None:
    chance = random.Random(seed)
    patterns = [bytes(chance.choices(b"ab* x", k=chance.randrange(4))) for _ in range(3)] + [b"*"]
    words = [b"./first"]
    for number in range(chance.randrange(2, 9)):
        kinds = [
            b"-" + chance.choice(patterns),
            b"+" + chance.choice(patterns),
            b"e",
            b"=status",
            b"s4999",
            b"n3",
            b"q",
        ]
        words.append(chance.choice([*kinds, b"./log%d" % number]))
    lengths = [0, 1, 200, 201, 512, 513, 998, 999, 1000, 1001, 1024, 2000]
    lines = [bytes(chance.choices(b"ab \0\xff", k=chance.choice(lengths))) for _ in range(40)]
    text = place.directory / "input"
    text.write_bytes(b"\n".join(lines))
    results = []
    for name, tools in (("ours", own), ("theirs", DEBIAN)):
        directory = place.directory / name
        directory.mkdir()
        with open(text, "rb") as stream:
            command = [os.fsencode(f"{tools}/multilog"), *words, b"./last"]
            ended = subprocess.run(command, stdin=stream, capture_output=True, cwd=directory, timeout=LIMIT_S)
        files = sorted(
            (str(path.relative_to(directory).parent), path.name[:1], path.read_bytes())
            for path in directory.rglob("*")
            if path.is_file()
        )
        results.append((ended, files, [sizes(path) for path in sorted(directory.iterdir()) if path.is_dir()]))
    (mine, *my_files), (other, *their_files) = results
    assert (mine.returncode, mine.stdout, mine.stderr) == (other.returncode, other.stdout, other.stderr)
    assert my_files == their_files
