"""What `pip install .` installs: everything that is needed, in the places where twistd and the shell look."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP

pytestmark = [pytest.mark.system, pytest.mark.slow]

# Run a Python program without this directory on its path, as on a machine where only the wheel is installed.
ELSEWHERE = (
    "import os, sys; sys.path[:] = [sys.argv[1]] + [path for path in sys.path if path not in ('', sys.argv[2])]; "
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The wheel, built from a copy so that nothing is left in the tree."""
    base = str(tmp_path_factory.mktemp("wheel"))
    source = os.path.join(base, "source")
    os.mkdir(source)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(os.path.join(TOP, name), source)
    for name in ("qmtwist", "twisted"):
        ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
        shutil.copytree(os.path.join(TOP, name), os.path.join(source, name), ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", base, source], check=True, cwd=base)
    found = [name for name in os.listdir(base) if name.endswith(".whl")]
    assert len(found) == 1
    yield os.path.join(base, found[0])


@pytest.fixture(scope="module")
def unpacked(wheel: str) -> str:
    """The wheel as pip would unpack it."""
    place = os.path.join(os.path.dirname(wheel), "unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def run_elsewhere(unpacked: str, code: str, *arguments: str) -> str:
    """Run Python code against the unpacked wheel only; what it printed."""
    command = [sys.executable, "-c", ELSEWHERE + code, unpacked, TOP, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_every_module_is_in_the_wheel_and_no_test_is(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {"twisted/plugins/qmtwist_plugin.py", "qmtwist/py.typed"}
    for directory, _, files in os.walk(os.path.join(TOP, "qmtwist")):
        place = os.path.relpath(directory, TOP)
        expected |= {f"{place}/{name}" for name in files if name.endswith(".py")}
    assert expected <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"qmtwist", "twisted"}
    assert "twisted/__init__.py" not in names and "twisted/plugins/__init__.py" not in names


def test_twistd_finds_the_plugin_of_an_installed_wheel(unpacked: str) -> None:
    code = (
        "import qmtwist; assert qmtwist.__file__.startswith(sys.argv[1]), qmtwist.__file__; "
        "from twisted.scripts.twistd import run; sys.argv = ['twistd', '--help']; run()"
    )
    commands = [line.split()[0] for line in run_elsewhere(unpacked, code).splitlines() if line.startswith("    ")]
    assert commands.count("qmtwist") == 1


def test_an_installed_wheel_sets_a_home_up(unpacked: str, open_directory: str) -> None:
    """S310: nothing else is needed, neither ucspi-tcp nor daemontools."""
    home = os.path.join(open_directory, "home")
    code = "from qmtwist.cli.main import main; sys.argv[1:] = sys.argv[3:]; sys.exit(main())"
    run_elsewhere(unpacked, code, "setup", "--home", home, "--host", "test.example")
    with open(os.path.join(home, "control/me"), encoding="ascii") as stream:
        assert stream.read() == "test.example\n"
    assert os.access(os.path.join(home, "bin/qmail-queue"), os.X_OK)


def test_the_wheel_names_the_command_and_what_it_needs(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        places = {os.path.basename(name): name for name in archive.namelist() if ".dist-info/" in name}
        entries = archive.read(places["entry_points.txt"]).decode()
        metadata = archive.read(places["METADATA"]).decode()
    assert "qmtwist = qmtwist.cli.main:main" in entries
    assert "Requires-Python: >=3.11" in metadata
    lines = [line.lower().replace("_", "-") for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    needed = [line for line in lines if "extra" not in line]
    for name in ("twisted", "service-identity", "dnspython"):
        assert any(name in line for line in needed), name
