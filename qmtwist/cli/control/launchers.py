"""The small programs in HOME/bin that start ours.

Most are scripts. As root, `qmail-queue` must run set-uid, so that any user can queue while the daemon is down; the
kernel has no set-uid scripts, so it becomes a machine program of a few hundred bytes (`elf`). That is done only if
nobody but root can change what it runs.
"""

from __future__ import annotations

import os
import stat
import sys

from qmtwist.cli.launcher import Command, launcher_text, package_paths
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control.replaced import is_ours
from qmtwist.mail.shapes import NamedTuple

from . import accounts, elf, nullclient, trust


class Launchers(NamedTuple):
    """What was done in HOME/bin, for the person who asked: names, and sentences."""

    made: list[str]
    foreign: list[str]  # programs of others, left alone
    notes: list[str]


class Program(NamedTuple):
    """One file in HOME/bin as it should be."""

    content: bytes
    mode: int
    uid: int = -1  # -1: whoever makes it
    gid: int = -1


# -- the interpreter


def choose_python() -> tuple[str, str]:
    """The interpreter for the launchers, and a warning or nothing.

    What root makes, other users run: the interpreter must not lie in a directory that is closed to them.
    """
    own = sys.executable
    if os.geteuid() != 0:
        return own, ""
    closed = trust.closed_step(own)
    if closed is None:
        return own, ""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for other in (f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if os.access(other, os.X_OK) and trust.closed_step(other) is None:
            return other, ""
    return own, f"other users cannot run {own}, because {closed} is closed to them; install {version} in /usr/bin"


def unreadable_package(paths: list[str]) -> str:
    """A warning if other users cannot read our programs, or nothing."""
    for path in (os.path.join(paths[0], "qmtwist"), *paths[1:]):
        if closed := trust.closed_step(path):
            return f"other users cannot read {path}, because {closed} is closed to them; install qmtwist elsewhere"
    return ""


def compile_package(package: str | None = None) -> None:
    """Compile all our modules if the package is ours to write in: its users, who may not, would do it at each start."""
    package = package or os.path.join(package_paths()[0], "qmtwist")
    if os.stat(package).st_uid == os.geteuid() and os.access(package, os.W_OK):
        import compileall

        from . import bundles

        compileall.compile_dir(package, quiet=2)
        if package == os.path.join(package_paths()[0], "qmtwist"):
            bundles.make_bundles()


# -- the two forms


def setuid_program(name: str, home: str, command: Command, machine: str) -> bytes:
    """The machine program that starts one program of this home. The libraries are not on its path: it needs none."""
    source = f"import sys; sys.path += {command.paths[:1]!a}; from qmtwist.cli.launch import run; "
    source += f"run({name!r}, {home!a})"
    python = os.path.realpath(command.python)
    return elf.elf_launcher(machine, [os.fsencode(python), b"-IS", b"-c", source.encode("ascii")])


def setuid_obstacle(bin_directory: str, command: Command) -> str:
    """Why bin/qmail-queue cannot be set-uid, or nothing. Whoever can change what it runs would own the queue."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in elf.machines():
        return f"there is no set-uid form for {sys.platform} on {machine}"
    if os.statvfs(bin_directory).f_flag & os.ST_NOSUID:
        return f"{bin_directory} is on a file system mounted nosuid"
    python = os.path.realpath(command.python)
    reasons = [trust.changeable_step(path) for path in (python, *_library_paths(python))]
    reasons.append(trust.changeable_below(os.path.join(command.paths[0], "qmtwist")))
    return next((reason for reason in reasons if reason), "")


def _library_paths(python: str) -> list[str]:
    """Where an isolated interpreter looks for modules."""
    import subprocess

    printed = subprocess.run(
        [python, "-IS", "-c", "import sys; print('\\n'.join(sys.path))"], capture_output=True, check=True
    ).stdout
    return [path for path in map(os.fsdecode, printed.split(b"\n")) if path and os.path.exists(path)]


# -- writing them


def write_launchers(home: str, python: str | None = None, is_trial: bool = False) -> Launchers:
    """Make or renew HOME/bin/NAME for every registered program, or those of a null client in the home of one.

    A program that is not ours is left alone: it replaces ours. A launcher that is right already is not touched. A
    trial changes nothing, and `made` has what would be made.
    """
    warning = ""
    if python is None:
        python, warning = choose_python()
    paths = package_paths()
    command = Command(python, tuple(paths))
    done = Launchers([], [], [note for note in (warning, unreadable_package(paths)) if note and os.geteuid() == 0])
    if not is_trial:
        os.makedirs(f"{home}/bin", exist_ok=True)
    for name in nullclient.PROGRAMS if nullclient.is_null_client(home) else PROGRAMS:
        path = f"{home}/bin/{name}"
        if os.path.lexists(path) and not is_ours(path):
            done.foreign.append(name)
            continue
        wanted = Program(launcher_text(name, home, command).encode(), 0o755)
        if name == "qmail-queue" and os.geteuid() == 0:
            wanted = _queue_program(home, command, wanted, done.notes)
        if not _is_there(path, wanted):
            done.made.append(name)
            if not is_trial:
                _put(path, wanted)
    return done


def _queue_program(home: str, command: Command, script: Program, notes: list[str]) -> Program:
    """qmail-queue, as root: set-uid where the accounts exist and it is safe, else the plain script."""
    known = accounts.find()
    if not known.is_complete:
        return script
    if obstacle := setuid_obstacle(f"{home}/bin", command):
        consequence = "Until that is mended users cannot queue mail, and their forwards are deferred."
        notes.append(f"bin/qmail-queue is not set-uid: {obstacle}. {consequence}")
        return script
    data = setuid_program("qmail-queue", home, command, os.uname().machine)
    return Program(data, 0o4711, known.uid("qmailq"), known.gid("qmail"))


def _is_there(path: str, wanted: Program) -> bool:
    try:
        status = os.stat(path)
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError:
        return False  # absent or unreadable
    mode = stat.S_IMODE(status.st_mode)
    is_owned = wanted.uid in (-1, status.st_uid) and wanted.gid in (-1, status.st_gid)
    return is_owned and content == wanted.content and mode == wanted.mode


def _put(path: str, wanted: Program) -> None:
    """Replace a launcher in one step. Owner before mode: a change of owner clears set-uid."""
    with open(path + ".new", "wb") as stream:
        os.fchmod(stream.fileno(), 0o700)
        stream.write(wanted.content)
        stream.flush()
        os.fchown(stream.fileno(), wanted.uid, wanted.gid)
        os.fchmod(stream.fileno(), wanted.mode)
    os.rename(path + ".new", path)
