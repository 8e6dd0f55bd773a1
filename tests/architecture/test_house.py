"""The house rules that a program can check: the ladder, sizes, docstrings, citations, nothing left open."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from qmtwist.cli.registry import PROGRAMS

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCES = ("qmtwist", "twisted", "scripts", "bench")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 40
# In capitals and in a comment it is a note to oneself; todo/ is also a directory of the queue.
LEFT_OPEN = re.compile(r"#.*\b(?:TODO|FIXME|XXX)\b|raise NotImplementedError")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def python_files(*places: str) -> list[str]:
    """Every Python file below these directories, relative to the top of the project."""
    found = []
    for place in places:
        for directory, _, names in os.walk(os.path.join(TOP, place)):
            found += [os.path.relpath(os.path.join(directory, name), TOP) for name in names if name.endswith(".py")]
    return sorted(found)


def read(path: str) -> str:
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        return stream.read()


def definitions(tree: ast.AST) -> Iterator[tuple[Definition, bool]]:
    """Every function and class, and whether the outside can name it."""

    def descend(node: ast.AST, is_public: bool) -> Iterator[tuple[Definition, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Definition):
                seen = is_public and not child.name.startswith("_")
                yield child, seen
                # What is defined inside a function is nobody's interface.
                yield from descend(child, seen and isinstance(child, ast.ClassDef))
            else:
                yield from descend(child, is_public)

    return descend(tree, True)


def is_named_by_others(node: Definition) -> bool:
    """A method that a base class prescribes (Twisted's camelCase) or an overload carries no docstring of its own."""
    decorators = [ast.unparse(mark) for mark in node.decorator_list]
    is_override = any(mark.endswith(("overload", "override", ".setter")) for mark in decorators)
    return is_override or (not isinstance(node, ast.ClassDef) and re.search(r"[a-z][A-Z]", node.name) is not None)


def test_imports_go_down_the_ladder() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    ended = subprocess.run([*command, "--no-cache"], cwd=TOP, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_file_is_longer_than_400_lines() -> None:
    sizes = {path: read(path).count("\n") for path in python_files(*SOURCES, "tests")}
    assert {path: size for path, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_test_file_imports_another() -> None:
    """What two of them need is in tests/support or in a conftest.py."""
    found = []
    for path in python_files("tests"):
        for node in ast.walk(ast.parse(read(path))):
            names = [name.name for name in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            found += [f"{path}:{node.lineno}" for name in names if re.search(r"(^|\.)test_", origin + name)]
    assert found == []


def test_no_function_is_longer_than_40_lines() -> None:
    found = []
    for path in python_files(*SOURCES):
        for node, _ in definitions(ast.parse(read(path))):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if not isinstance(node, ast.ClassDef) and size > MAX_FUNCTION_LINES:
                found.append(f"{path}:{node.lineno} {node.name} has {size} lines")
    assert found == []


def test_everything_public_says_what_it_is() -> None:
    found = []
    for path in python_files("qmtwist"):
        tree = ast.parse(read(path))
        if tree.body and not ast.get_docstring(tree):
            found.append(f"{path}: the module")
        for node, is_public in definitions(tree):
            if is_public and not ast.get_docstring(node) and not is_named_by_others(node):
                found.append(f"{path}:{node.lineno} {node.name}")
    assert found == []


def test_nothing_is_left_open() -> None:
    found = []
    for path in python_files(*SOURCES):
        for number, line in enumerate(read(path).splitlines(), 1):
            if LEFT_OPEN.search(line):
                found.append(f"{path}:{number} {line.strip()}")
    assert found == []


def test_nobody_imports_the_global_reactor() -> None:
    """Except assemble, which hands it to everybody else."""
    found = []
    for path in set(python_files("qmtwist", "twisted")) - {"qmtwist/services/assemble.py"}:
        for node in ast.walk(ast.parse(read(path))):
            is_from = isinstance(node, ast.ImportFrom) and node.module == "twisted.internet"
            if is_from and any(name.name == "reactor" for name in node.names):  # type: ignore[union-attr]
                found.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Import) and any(n.name == "twisted.internet.reactor" for n in node.names):
                found.append(f"{path}:{node.lineno}")
    assert found == []


def test_citations_of_standards_are_well_formed() -> None:
    ended = subprocess.run([sys.executable, "scripts/rfcmap.py"], cwd=TOP, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "text", ["# rfc 5321", "# RFC5321 §4", "# RFC 5321 section 4.1", "# RFC 5321 § 4.1", "# RFC 99999"]
)
def test_an_ill_formed_citation_is_noticed(text: str) -> None:
    specification = importlib.util.spec_from_file_location("rfcmap", os.path.join(TOP, "scripts/rfcmap.py"))
    assert specification is not None and specification.loader is not None
    rfcmap = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(rfcmap)
    assert [bool(complaint) for _, complaint, _, _ in rfcmap.citations(text)] == [True]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_registered_program_has_a_manual_and_a_way_in(name: str) -> None:
    module = importlib.import_module("qmtwist.cli." + PROGRAMS[name])
    assert callable(module.main)
    assert module.__doc__ is not None and len(module.__doc__.strip().splitlines()) > 1
    assert name in module.__doc__


def test_the_daemon_is_not_imported_by_short_lived_programs() -> None:
    """A courier or a tool starts once per message; importing a reactor would cost ten times as much as Python."""
    code = (
        "import sys, importlib\n"
        "from qmtwist.cli.registry import PROGRAMS\n"
        "for path in PROGRAMS.values(): importlib.import_module('qmtwist.cli.' + path)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'twisted'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
