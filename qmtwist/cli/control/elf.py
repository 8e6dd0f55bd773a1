"""A program of a few hundred bytes that runs one fixed command: what a set-uid script cannot be.

The kernel ignores the set-uid bit of scripts, and we need no compiler; so `elf_launcher` writes the machine code
itself. It does `execve(argv[0], argv, {})`, and `_exit(120)` if that fails (120: the queue program cannot be run). It
takes neither arguments nor environment from its caller, so a caller can influence nothing but descriptors and limits.

The file, in order: ELF header, two program headers, code, the argument pointers, the strings. It is mapped whole,
readable and executable but not writable, at one fixed address; the stack is not executable. (ELF-64, System V ABI)
"""

from __future__ import annotations

import struct

from qmtwist.control.replaced import MARK

BASE = 0x400000  # where the file is mapped; a multiple of every page size in use
EXEC_FAILED = 120

_HEADER_BYTES = 64 + 2 * 56
_MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine
_CODE_BYTES = {"x86_64": 34, "aarch64": 32}


def machines() -> frozenset[str]:
    """The machines, as `uname -m` names them, for which there is code."""
    return frozenset(_MACHINES)


def elf_launcher(machine: str, argv: list[bytes]) -> bytes:
    """The whole file of a program that executes `argv`, whose first word is the path.

    :raises KeyError: `machine` is not in `machines()`.
    :raises ValueError: a NUL in a word.
    """
    if any(b"\0" in word for word in argv):
        raise ValueError("a program argument cannot contain a NUL")
    code_at = _HEADER_BYTES
    pointers_at = (code_at + _CODE_BYTES[machine] + 7) & ~7
    strings_at = pointers_at + 8 * (len(argv) + 1)
    pointers, at = [], strings_at
    for word in argv:
        pointers.append(BASE + at)
        at += len(word) + 1
    pointers.append(0)
    strings = b"".join(word + b"\0" for word in argv) + MARK + b"\n"
    empty = pointers_at + 8 * len(argv)  # the 0 that ends argv is an empty environment too
    assemble = {"x86_64": _x86_64, "aarch64": _aarch64}[machine]
    code = assemble(code_at, strings_at, pointers_at, empty)
    assert len(code) == _CODE_BYTES[machine]
    body = code.ljust(pointers_at - code_at, b"\0") + struct.pack(f"<{len(pointers)}Q", *pointers) + strings
    return _headers(_MACHINES[machine], _HEADER_BYTES + len(body)) + body


def _headers(machine: int, size: int) -> bytes:
    """The ELF header, one segment with the whole file, and the request for a stack that is not executable."""
    identity = b"\x7fELF" + bytes((2, 1, 1, 0)) + bytes(8)  # 64 bits, little endian, version 1, System V
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH",
        2,  # e_type: executable at a fixed address
        machine,
        1,  # e_version
        BASE + _HEADER_BYTES,  # e_entry: the code begins right after the headers
        64,  # e_phoff: the program headers begin right after this one
        0,  # e_shoff: no sections
        0,  # e_flags
        64,  # e_ehsize
        56,  # e_phentsize
        2,  # e_phnum
        64,  # e_shentsize, of no section
        0,  # e_shnum
        0,  # e_shstrndx
    )
    # type 1 LOAD, flags 5 read and execute, from offset 0 to BASE, all of it; alignment of the largest page in use
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    # type GNU_STACK, flags 6 read and write
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack


def _x86_64(code: int, path: int, argv: int, environment: int) -> bytes:
    """System calls: number in eax, arguments in edi, esi, edx; all our addresses fit into 32 bits."""
    return b"".join(
        (
            b"\xb8" + struct.pack("<I", 59),  # mov eax, execve
            b"\xbf" + struct.pack("<I", BASE + path),  # mov edi, path
            b"\xbe" + struct.pack("<I", BASE + argv),  # mov esi, argv
            b"\xba" + struct.pack("<I", BASE + environment),  # mov edx, environment
            b"\x0f\x05",  # syscall: comes back only if it failed
            b"\xb8" + struct.pack("<I", 60),  # mov eax, exit
            b"\xbf" + struct.pack("<I", EXEC_FAILED),  # mov edi, 120
            b"\x0f\x05",  # syscall
        )
    )


def _aarch64(code: int, path: int, argv: int, environment: int) -> bytes:
    """System calls: number in x8, arguments in x0, x1, x2; addresses are relative to the instruction."""

    def adr(register: int, target: int, position: int) -> int:
        distance = target - (code + 4 * position)
        return 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register

    def movz(register: int, value: int) -> int:
        return 0xD2800000 | value << 5 | register

    svc = 0xD4000001
    return struct.pack(
        "<8I",
        adr(0, path, 0),
        adr(1, argv, 1),
        adr(2, environment, 2),
        movz(8, 221),  # execve
        svc,  # comes back only if it failed
        movz(0, EXEC_FAILED),
        movz(8, 93),  # exit
        svc,
    )
