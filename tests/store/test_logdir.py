from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.agents.log import multilog
from qmtwist.logbook.selection import Rotation, read_script
from qmtwist.store.logdir import CannotOpen, LogDirectory, Patience

SMALL = Rotation(4096, 10)


def impatient(seconds: float) -> None:
    pytest.fail("it had to wait")


def never(directory: int, command: bytes) -> int:
    raise AssertionError("no processor was asked for")


def opened(path: Path, rotation: Rotation = SMALL, pause: Callable[[float], None] = impatient) -> LogDirectory:
    return LogDirectory(os.fsencode(path), rotation, never, Patience(b"test", pause))


def old_files(path: Path) -> list[Path]:
    return sorted(path.glob("@*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in old_files(path)) + (path / "current").read_bytes()


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_mode_of_current_tells_whether_it_was_closed_in_order(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    assert (mode(tmp_path / "log"), mode(tmp_path / "log/current")) == (0o700, 0o644)
    log.put(b"one\n")
    log.close()
    assert mode(tmp_path / "log/current") == 0o744
    again = opened(tmp_path / "log")
    assert mode(tmp_path / "log/current") == 0o644
    again.put(b"two\n")
    again.close()
    assert (tmp_path / "log/current").read_bytes() == b"one\ntwo\n"


def test_what_was_not_closed_in_order_is_put_away(tmp_path: Path) -> None:
    for name in ("current", "previous", "state", "newstate", "processed"):
        (tmp_path / name).write_text(name)
    opened(tmp_path).close()
    assert [file.read_text() for file in old_files(tmp_path)] == ["previous", "current"]
    assert all(file.name.endswith(".u") for file in old_files(tmp_path))
    assert sorted(os.listdir(tmp_path))[2:] == ["current", "lock", "state"]
    assert (tmp_path / "state").read_text() == ""


def test_a_file_that_was_processed_is_not_processed_again(tmp_path: Path) -> None:
    (tmp_path / "previous").write_text("raw")
    (tmp_path / "processed").write_text("done")
    (tmp_path / "processed").chmod(0o744)
    opened(tmp_path).close()
    assert [(file.read_text(), file.name[-2:]) for file in old_files(tmp_path)] == [("done", ".s")]


def test_a_crash_between_two_names_leaves_no_second_copy(tmp_path: Path) -> None:
    (tmp_path / "previous").write_text("once")
    os.link(tmp_path / "previous", tmp_path / ("@" + "4" * 24 + ".s"))
    opened(tmp_path).close()
    assert [file.read_text() for file in old_files(tmp_path)] == ["once"]
    assert not (tmp_path / "previous").exists()


def test_two_do_not_write_to_one_log(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with pytest.raises(CannotOpen, match="unable to lock directory"):
        opened(tmp_path)
    log.close()


def test_the_oldest_files_go(tmp_path: Path) -> None:
    log = opened(tmp_path, Rotation(4096, 3))
    for number in range(6):
        log.put(b"%d\n" % number)
        log.rotate_early()
    log.rotate_early()  # nothing new: nothing happens
    log.close()
    assert [file.read_bytes() for file in old_files(tmp_path)] == [b"4\n", b"5\n"]
    assert all(mode(file) == 0o744 and file.name.endswith(".s") for file in old_files(tmp_path))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 3000))
def test_files_are_cut_at_line_ends_and_never_too_large(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], step: int
) -> None:
    directory = tmp_path_factory.mktemp("cut")
    script = read_script([b"s4096", b"n999", os.fsencode(directory / "log")])
    destinations = multilog.Destinations(script, Patience(b"test", impatient))
    text = b"".join(b"%d" % (length % 10) * length + b"\n" for length in lengths)
    for at in range(0, len(text), step):
        destinations.receive(text[at : at + step])
    destinations.end()
    assert content(directory / "log") == text
    for file in old_files(directory / "log"):
        data = file.read_bytes()
        assert 2096 <= len(data) <= 4096
        assert data.endswith(b"\n") or len(data) == 4096


def test_a_full_disk_loses_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Files may not grow beyond 1000 bytes until we have waited twice."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    log = opened(tmp_path, Rotation(99999, 10), pause)
    lines = [b"line %d\n" % number for number in range(500)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        for line in lines:
            log.put(line)
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.close()
    assert waits == [5.0, 5.0]
    assert (tmp_path / "current").read_bytes() == b"".join(lines)
    warning = f"test: warning: unable to write to {tmp_path}/current, pausing: file too big\n"
    assert capfd.readouterr().err == warning * 2


def test_a_name_that_is_taken_is_waited_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`previous` is a directory, until somebody moves it away."""
    log = opened(tmp_path, pause=lambda seconds: (tmp_path / "previous").rmdir())
    (tmp_path / "previous").mkdir()
    log.put(b"a\n")
    log.rotate_early()
    log.close()
    assert [file.read_bytes() for file in old_files(tmp_path)] == [b"a\n"]
    assert "unable to rename current to previous in directory" in capfd.readouterr().err


def test_a_processor_gets_the_state_of_the_one_before(tmp_path: Path) -> None:
    command = b"!tr a-z A-Z; read before <&4; echo $((before + 1)) >&5"
    script = read_script([b"s4096", command, os.fsencode(tmp_path / "log")])
    destinations = multilog.Destinations(script, Patience(b"test", impatient))
    for _ in range(3):
        destinations.receive(b"text\n")
        destinations.logs[0].rotate_early()
    destinations.end()
    assert [file.read_bytes() for file in old_files(tmp_path / "log")] == [b"TEXT\n"] * 3
    assert (tmp_path / "log/state").read_text() == "3\n"
    assert not (tmp_path / "log/previous").exists()


def test_a_processor_that_fails_is_run_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "once").touch()
    command = b"!rm %s 2>/dev/null && exit 1; cat" % os.fsencode(tmp_path / "once")
    waits: list[float] = []
    script = read_script([command, os.fsencode(tmp_path / "log")])
    destinations = multilog.Destinations(script, Patience(b"test", waits.append))
    destinations.receive(b"text\n")
    destinations.logs[0].rotate_early()
    destinations.end()
    assert waits == [5.0]
    assert content(tmp_path / "log") == b"text\n"
    assert "processor failed" in capfd.readouterr().err


def test_long_lines_are_written_whole_and_matched_by_their_beginning(tmp_path: Path) -> None:
    line = b"x" * 1000 + b"tail" * 300 + b"\n"
    script = read_script([b"-*tail*", os.fsencode(tmp_path / "log"), b"=" + os.fsencode(tmp_path / "status")])
    destinations = multilog.Destinations(script, Patience(b"test", impatient))
    destinations.receive(line)
    destinations.receive(b"short")
    destinations.end()
    assert content(tmp_path / "log") == line + b"short\n"
    assert (tmp_path / "status").read_bytes() == b"short" + b"\n" * 996
