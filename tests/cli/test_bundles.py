"""cli/control/bundles and cli/launch: a program's modules from one file, as long as that is what they are."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PLACE = "filter.except_"
RUN = (
    "import sys; sys.path.append(sys.argv.pop(1)); import atexit, os; from qmtwist.cli import launch\n"
    "end, os._exit = os._exit, lambda status: (print(sys.modules['qmtwist.agents.filter.condition']"
    ".__spec__.loader.__class__.__name__, sys.modules['qmtwist.agents'].__path__, flush=True), end(status))\n"
    f"launch.run('except', '/', {PLACE!r})"
)
MAKE = (
    "import sys; sys.path.append(sys.argv[1]); from qmtwist.cli.control import bundles; print(bundles.make_bundles())"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with bundles."""
    top = tmp_path_factory.mktemp("package")
    shutil.copytree(TOP / "qmtwist", top / "qmtwist", ignore=shutil.ignore_patterns("__pycache__"))
    assert "'except'" in make(top)
    return top


@pytest.fixture
def package(made: Path, tmp_path: Path) -> Path:
    """The same for one test, which may change it: a package may be moved, and its bundles with it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def make(top: Path) -> str:
    return subprocess.run([sys.executable, "-IS", "-c", MAKE, top], capture_output=True, check=True, text=True).stdout


def test_a_bundle_is_on_disk_before_it_has_its_name(package: Path) -> None:
    """After a power cut it would be used although a part of it is empty: whoever loads it looks at the sources only."""
    record = (
        "import os; fsync, rename = os.fsync, os.rename\n"
        "os.fsync = lambda descriptor: print('fsync', os.path.realpath(f'/proc/self/fd/{descriptor}')) or "
        "fsync(descriptor)\n"
        "os.rename = lambda old, new: print('rename', os.path.realpath(old)) or rename(old, new)\n"
    )
    for bundle in (package / "qmtwist/cli/__pycache__").glob("*.bundle"):
        bundle.unlink()
    command = [sys.executable, "-IS", "-c", record + MAKE, package]
    steps = [line.split() for line in subprocess.check_output(command, text=True).splitlines()[:-1]]
    renamed = [place for place, (verb, _) in enumerate(steps) if verb == "rename"]
    assert renamed and all(steps[place - 1] == ["fsync", steps[place][1]] for place in renamed)
    assert all(steps[place + 1][0] == "fsync" for place in renamed)


def run(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-IS", "-c", RUN, top, *words], capture_output=True, text=True)


def bundle(top: Path) -> Path:
    return top / "qmtwist" / "cli" / "__pycache__" / f"{PLACE}.{sys.implementation.cache_tag}.bundle"


def is_used(top: Path) -> bool:
    """Whether the program runs, and from its bundle."""
    ended = run(top, "false")
    assert (ended.returncode, ended.stderr) == (0, "")
    loader, _, path = ended.stdout.partition(" ")
    assert path == f"['{top}/qmtwist/agents']\n"
    return loader == "Bundle"


def test_a_program_runs_from_its_bundle(made: Path) -> None:
    assert is_used(made)
    assert run(made, "true").returncode == 100


def test_a_bundle_that_is_right_is_not_made_again(made: Path) -> None:
    assert make(made) == "[]\n"


@pytest.mark.parametrize("changed", ["qmtwist/agents/filter/condition.py", "qmtwist/store/__init__.py"])
def test_a_changed_module_is_imported_and_the_bundle_made_anew(package: Path, changed: str) -> None:
    assert is_used(package)
    with open(package / changed, "a") as stream:
        stream.write("\n")
    assert not is_used(package)
    assert "'except'" in make(package)
    assert is_used(package)


def test_a_module_that_vanished_is_no_longer_taken_from_the_bundle(package: Path) -> None:
    (package / "qmtwist" / "agents" / "filter" / "condition.py").unlink()
    ended = run(package, "false")
    assert "ModuleNotFoundError" in ended.stderr


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other version", "other shape"])
def test_a_damaged_bundle_and_that_of_another_python_are_ignored(package: Path, damage: str) -> None:
    data = bundle(package).read_bytes()
    _, modules = marshal.loads(data)
    content = {
        "empty": b"",
        "cut": data[:-100],
        "text": b"hello",
        "other version": marshal.dumps(("3.0", modules)),
        "other shape": marshal.dumps((sys.version, [1])),
    }
    bundle(package).write_bytes(content[damage])
    assert not is_used(package)


def test_a_bug_shows_its_line(package: Path) -> None:
    path = package / "qmtwist" / "agents" / "filter" / "condition.py"
    path.write_text(path.read_text().replace("    try:\n", "    raise ZeroDivisionError  # here\n    try:\n", 1))
    make(package)
    ended = run(package, "false")
    assert ended.returncode == 111 and "raise ZeroDivisionError  # here" in ended.stderr


def test_everybody_can_read_a_bundle_and_nobody_else_write_it(made: Path) -> None:
    assert os.stat(bundle(made)).st_mode & 0o777 == 0o644
