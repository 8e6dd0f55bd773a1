"""cli/control/launchers: bin/NAME starts ours, and whatever is not ours stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.cli.control import elf, launchers
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control.replaced import MARK, is_ours


def test_every_registered_program_gets_a_launcher_and_a_second_time_nothing_changes(tmp_path: Path) -> None:
    assert sorted(launchers.write_launchers(str(tmp_path)).made) == sorted(PROGRAMS)
    before = {path.name: path.stat() for path in (tmp_path / "bin").iterdir()}
    assert launchers.write_launchers(str(tmp_path)).made == []
    assert {path.name: path.stat() for path in (tmp_path / "bin").iterdir()} == before
    assert before.keys() == PROGRAMS.keys()


def test_a_program_of_another_maker_is_left_alone_and_an_old_launcher_is_renewed(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "qmail-queue").write_text("#!/bin/sh\nexec scanner\n")
    (tmp_path / "bin" / "qmail-local").symlink_to("/nowhere/qmail-local")
    (tmp_path / "bin" / "qmail-clean").write_text(f"#!/old/python -IS\n{MARK.decode()}\n")
    done = launchers.write_launchers(str(tmp_path))
    assert sorted(done.foreign) == ["qmail-local", "qmail-queue"]
    assert (tmp_path / "bin" / "qmail-queue").read_text() == "#!/bin/sh\nexec scanner\n"
    assert "/old/python" not in (tmp_path / "bin" / "qmail-clean").read_text()


def test_a_trial_says_what_would_be_made_and_makes_nothing(tmp_path: Path) -> None:
    assert len(launchers.write_launchers(str(tmp_path), is_trial=True).made) == len(PROGRAMS)
    assert list(tmp_path.iterdir()) == []


def test_ours_is_recognised_in_both_forms(tmp_path: Path) -> None:
    command = launchers.Command(sys.executable, tuple(launchers.package_paths()))
    script, program, other = (tmp_path / name for name in ("script", "program", "other"))
    script.write_text(launchers.launcher_text("qmail-queue", str(tmp_path), command))
    program.write_bytes(launchers.setuid_program("qmail-queue", str(tmp_path), command, "aarch64"))
    other.write_bytes(b"\x7fELF" + b"\0" * 4000 + MARK + b"\n" + b"\0" * 9000)
    assert [is_ours(str(path)) for path in (script, program, other, tmp_path / "none")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("place", ["plain", "with a blank", "x" * 140, "ünïcode"])
def test_a_launcher_works_wherever_the_interpreter_and_the_home_are(tmp_path: Path, place: str) -> None:
    directory = tmp_path / place
    directory.mkdir()
    python = directory / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    (directory / "control").mkdir()
    launchers.write_launchers(str(directory), str(python))
    ended = subprocess.run([directory / "bin" / "qmail-showctl"], capture_output=True, env={})
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"qmail home directory: " + os.fsencode(directory) + b".\n" in ended.stdout


def test_a_launcher_works_through_a_link_and_whatever_the_caller_has_put_in_its_way(tmp_path: Path) -> None:
    launchers.write_launchers(str(tmp_path))
    (tmp_path / "control").mkdir()
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "os.py").write_text("raise SystemExit(99)")
    (tmp_path / "trap" / "qmtwist.py").write_text("raise SystemExit(99)")
    (tmp_path / "link").symlink_to("bin/qmail-showctl")
    environment = {"PYTHONPATH": str(tmp_path / "trap"), "PYTHONHOME": "/nowhere"}
    ended = subprocess.run([tmp_path / "link"], cwd=tmp_path / "trap", env=environment, capture_output=True)
    assert ended.returncode == 0
    assert os.fsencode(tmp_path) in ended.stdout


def test_the_home_can_be_named_by_the_environment(tmp_path: Path) -> None:
    launchers.write_launchers(str(tmp_path))
    (tmp_path / "other" / "control").mkdir(parents=True)
    environment = {"QMTWIST_HOME": str(tmp_path / "other")}
    ended = subprocess.run([tmp_path / "bin" / "qmail-showctl"], env=environment, capture_output=True)
    assert os.fsencode(tmp_path / "other") + b".\n" in ended.stdout


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes launchers for others")
def test_root_does_not_choose_an_interpreter_that_others_cannot_reach(
    open_directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkdir(f"{open_directory}/closed", 0o700)
    own = f"{open_directory}/closed/python"
    os.symlink(os.path.realpath(sys.executable), own)
    monkeypatch.setattr(sys, "executable", own)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python, warning = launchers.choose_python()
    if os.path.exists(f"/usr/bin/{version}"):
        assert (python, warning) == (f"/usr/bin/{version}", "")
    monkeypatch.setattr(sys, "version_info", (3, 99))
    python, warning = launchers.choose_python()
    assert python == own
    assert f"{open_directory}/closed is closed to them" in warning and "python3.99" in warning


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root")
def test_set_uid_is_refused_if_others_could_change_what_runs(open_directory: str) -> None:
    os.makedirs(f"{open_directory}/lib/qmtwist")
    Path(f"{open_directory}/lib/qmtwist/__init__.py").touch()
    if os.uname().machine not in elf.machines() or not os.path.exists("/usr/bin/python3"):
        pytest.skip("no set-uid form here")
    command = launchers.Command("/usr/bin/python3", (f"{open_directory}/lib",))
    assert launchers.setuid_obstacle(open_directory, command) == ""
    os.chown(f"{open_directory}/lib/qmtwist/__init__.py", 12345, 12345)
    assert "__init__.py belongs to uid 12345" in launchers.setuid_obstacle(open_directory, command)
    os.chown(f"{open_directory}/lib/qmtwist/__init__.py", 0, 0)
    os.chmod(f"{open_directory}/lib", 0o777)
    assert "can be written by others" in launchers.setuid_obstacle(open_directory, command)


def test_the_package_is_compiled_for_those_who_may_not_write_there(tmp_path: Path) -> None:
    package = tmp_path / "qmtwist"
    (package / "cli").mkdir(parents=True)
    for name in ("__init__.py", "cli/__init__.py", "cli/probe.py"):
        (package / name).write_text("x = 1\n")
    launchers.compile_package(str(package))
    suffix = f".{sys.implementation.cache_tag}.pyc"
    assert [path.name for path in sorted(package.rglob("*.pyc"))] == [f"__init__{suffix}"] * 2 + [f"probe{suffix}"]


def test_a_launcher_is_short_and_no_program_scans_for_packages(tmp_path: Path) -> None:
    launchers.write_launchers(str(tmp_path))
    for path in (tmp_path / "bin").iterdir():
        lines = path.read_bytes().splitlines()
        if lines[0].startswith(b"#!"):
            assert len(lines) <= 7
            assert b"-IS" in lines[0] + lines[1]
