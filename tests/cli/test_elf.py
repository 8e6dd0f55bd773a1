"""cli/control/elf: a machine program that runs one fixed command and listens to nobody."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.cli.control import elf
from qmtwist.control.replaced import MARK

NATIVE = sys.platform == "linux" and os.uname().machine in elf.machines()
native = pytest.mark.skipif(not NATIVE, reason="no machine code for this machine")
SHOW = b"import os, sys; print(sys.argv, sorted(set(os.environ) - {'LC_CTYPE'})); sys.exit(7)"


def write(tmp_path: Path, argv: list[bytes]) -> str:
    path = tmp_path / "program"
    path.write_bytes(elf.elf_launcher(os.uname().machine, argv))
    path.chmod(0o755)
    return str(path)


@native
def test_it_runs_its_command_without_the_callers_arguments_and_environment(tmp_path: Path) -> None:
    program = write(tmp_path, [os.fsencode(sys.executable), b"-IS", b"-c", SHOW])
    ended = subprocess.run(
        [program, "evil"], env={"PYTHONSTARTUP": "/evil", "LD_PRELOAD": "/evil"}, capture_output=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, b"['-c'] []\n", b"")


@native
def test_descriptors_are_handed_on(tmp_path: Path) -> None:
    program = write(tmp_path, [b"/bin/cat"])
    assert subprocess.run([program], input=b"letter", capture_output=True).stdout == b"letter"


@native
def test_it_ends_120_if_the_command_cannot_be_run(tmp_path: Path) -> None:
    assert subprocess.run([write(tmp_path, [b"/no/such/program"])]).returncode == elf.EXEC_FAILED == 120


@native
def test_long_arguments_and_empty_ones_arrive(tmp_path: Path) -> None:
    words = [b"/usr/bin/printf", b"%s|", b"", b"x" * 5000, b"\xff"]
    assert subprocess.run([write(tmp_path, words)], capture_output=True).stdout == b"|" + b"x" * 5000 + b"|\xff|"


@pytest.mark.parametrize("machine", sorted(elf.machines()))
def test_pointers_lead_to_the_words_and_nothing_is_writable(machine: str) -> None:
    argv = [b"/bin/echo", b"", b"hello"]
    data = elf.elf_launcher(machine, argv)
    kind, number, _, entry, headers = struct.unpack_from("<HHIQQ", data, 16)
    assert (data[:7], kind, number) == (b"\x7fELF\x02\x01\x01", 2, {"x86_64": 62, "aarch64": 183}[machine])
    load, flags, offset, address, _, in_file, in_memory, align = struct.unpack_from("<IIQQQQQQ", data, headers)
    assert (load, flags, offset, address) == (1, 5, 0, elf.BASE)
    assert in_file == in_memory == len(data) and elf.BASE % align == 0
    stack, stack_flags = struct.unpack_from("<II", data, headers + 56)
    assert (stack, stack_flags) == (0x6474E551, 6)
    assert words_of(data, argv_position(machine, data, entry - elf.BASE)) == argv
    assert data.endswith(MARK + b"\n")


def argv_position(machine: str, data: bytes, code: int) -> int:
    """Where the code says that the argument pointers are; the other operands must agree with it."""
    if machine == "x86_64":
        path, argv, environment = (struct.unpack_from("<I", data, code + at)[0] - elf.BASE for at in (6, 11, 16))
    else:
        path, argv, environment = (adr_target(data, code, number) for number in range(3))
    assert struct.unpack_from("<Q", data, argv)[0] - elf.BASE == path
    assert struct.unpack_from("<Q", data, environment)[0] == 0
    return argv


def adr_target(data: bytes, code: int, number: int) -> int:
    """ADR Xnumber, label: immlo in bits 29-30, immhi in bits 5-23. (Arm ARM C6.2)"""
    (word,) = struct.unpack_from("<I", data, code + 4 * number)
    assert (word & 0x9F000000, word & 31) == (0x10000000, number)
    return code + 4 * number + ((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3)


def words_of(data: bytes, position: int) -> list[bytes]:
    found = []
    while pointer := struct.unpack_from("<Q", data, position)[0]:
        start = pointer - elf.BASE
        found.append(data[start : data.index(b"\0", start)])
        position += 8
    return found


def test_the_arm_code_is_the_eight_instructions_it_should_be() -> None:
    data = elf.elf_launcher("aarch64", [b"/x"])
    (entry,) = struct.unpack_from("<Q", data, 24)
    words = struct.unpack_from("<8I", data, entry - elf.BASE)
    # mov x8, #221; svc #0; mov x0, #120; mov x8, #93; svc #0
    assert [hex(word) for word in words[3:]] == ["0xd2801ba8", "0xd4000001", "0xd2800f00", "0xd2800ba8", "0xd4000001"]


def test_a_nul_in_a_word_and_an_unknown_machine_are_refused() -> None:
    with pytest.raises(ValueError):
        elf.elf_launcher("x86_64", [b"a\0b"])
    with pytest.raises(KeyError):
        elf.elf_launcher("vax", [b"a"])
