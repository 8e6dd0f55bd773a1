from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.agents.mailbox import checkpassword


def program(tmp_path: Path, text: str) -> list[bytes]:
    path = tmp_path / "check"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return [os.fsencode(path), b"one", b"two words"]


def test_the_program_reads_the_record_on_descriptor_3_and_gets_its_arguments(tmp_path: Path) -> None:
    command = program(tmp_path, f'cat <&3 >{tmp_path}/record; printf "%s|" "$@" >{tmp_path}/words; exit 7\n')
    record = checkpassword.make_record(b"joe", b"secret", b"<1.2@h>")
    status = checkpassword.run(command, record)
    assert os.WEXITSTATUS(status) == 7
    assert (tmp_path / "record").read_bytes() == b"joe\0secret\0<1.2@h>\0"
    assert (tmp_path / "words").read_text() == "one|two words|"


def test_the_record_is_wiped(tmp_path: Path) -> None:
    record = checkpassword.make_record(b"joe", b"secret", b"")
    checkpassword.run(program(tmp_path, "exit 0\n"), record)
    assert not any(record)
    record = checkpassword.make_record(b"joe", b"secret", b"")
    checkpassword.run([b"/nonexistent"], record)
    assert not any(record)


def test_a_program_that_cannot_be_run_is_a_refusal() -> None:
    assert os.WEXITSTATUS(checkpassword.run([b"/nonexistent"], checkpassword.make_record(b"a", b"b", b""))) == 1


def test_a_program_that_does_not_read_is_judged_by_its_status(tmp_path: Path) -> None:
    record = checkpassword.make_record(b"joe", b"x" * 60_000, b"")
    assert checkpassword.run(program(tmp_path, "exec 3<&-\nexit 0\n"), record) == 0


def test_a_killed_program_shows_as_killed(tmp_path: Path) -> None:
    status = checkpassword.run(program(tmp_path, "kill -9 $$\n"), checkpassword.make_record(b"a", b"b", b""))
    assert os.WIFSIGNALED(status)


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    command = program(tmp_path, f"ls /proc/self/fd >{tmp_path}/open\n")
    for _ in range(3):
        checkpassword.run(command, checkpassword.make_record(b"a", b"b", b""))
    assert len(os.listdir("/proc/self/fd")) == before
    assert {"0", "1", "2", "3"} <= set((tmp_path / "open").read_text().split())


@pytest.mark.parametrize("parts", [(b"a\0", b"", b""), (b"", b"a\0", b""), (b"", b"", b"\0")])
def test_a_nul_cannot_shift_the_parts(parts: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        checkpassword.make_record(*parts)
