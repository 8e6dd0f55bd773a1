"""qmtwist setup: a home is made once, completed ever after, and nobody's file is overwritten."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.cli.control import hostname, setup
from qmtwist.cli.control.check import problems
from qmtwist.store.queue import layout

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORDINARY_UID = 12345


def run(home: str, *arguments: str) -> int:
    return setup.main([os.fsencode(word) for word in ("--home", home, *arguments)], "/var/qmail")


def contents(home: str) -> dict[str, tuple[object, ...]]:
    """Everything in a home: mode, owner, times, and what files and links say."""
    found: dict[str, tuple[object, ...]] = {}
    for place, directories, names in os.walk(home):
        for name in [".", *directories, *names]:
            path = os.path.join(place, name)
            status = os.lstat(path)
            text = Path(path).read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[path] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_ctime_ns, text)
    return found


def control(home: str, name: str) -> str:
    return Path(home, "control", name).read_text()


def test_a_home_has_exactly_the_usual_directories_and_names(tmp_path: Path) -> None:
    home = str(tmp_path / "mail" / "home")
    assert run(home, "--host", "dolphin.example.com") == 0
    assert sorted(os.listdir(home)) == ["alias", "bin", "boot", "control", "doc", "man", "queue", "run", "users"]
    assert [control(home, name) for name in ("me", "locals", "rcpthosts")] == ["dolphin.example.com\n"] * 3
    assert [control(home, name) for name in ("defaultdomain", "plusdomain")] == ["example.com\n"] * 2
    assert control(home, "defaultdelivery") == "./Mailbox\n"
    listeners = ("tcp:25\n", "tcp:110\n")
    if os.geteuid() != 0:
        listeners = ("tcp:2525:interface=127.0.0.1\n", "tcp:2110:interface=127.0.0.1\n")
    assert (control(home, "listensmtp"), control(home, "listenpop3")) == listeners


def test_a_queue_is_complete_with_a_fifo_and_a_table(tmp_path: Path) -> None:
    run(str(tmp_path), "--host", "a.example")
    queue = str(tmp_path / "queue")
    assert layout.missing(queue) == []
    assert sorted(os.listdir(queue)) == sorted([*layout.DIRECTORIES, "journal"])
    trigger = os.stat(f"{queue}/lock/trigger")
    assert stat.S_ISFIFO(trigger.st_mode) and stat.S_IMODE(trigger.st_mode) == 0o622
    assert Path(queue, "lock", "tcpto").read_bytes() == bytes(1024)
    assert Path(queue, "lock", "tcpto6").read_bytes() == bytes(2048)
    assert stat.S_IMODE(os.stat(f"{queue}/lock/sendmutex").st_mode) == 0o600
    modes = {
        name: stat.S_IMODE(os.stat(f"{queue}/{name}").st_mode) for name in (".", "mess/22", "info/0", "todo", "pid")
    }
    assert modes == {".": 0o750, "mess/22": 0o750, "info/0": 0o700, "todo": 0o750, "pid": 0o700}


def test_a_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--host", "a.example", "--admin", "joe")
    run(str(tmp_path), *arguments)
    before = contents(str(tmp_path))
    capsys.readouterr()
    assert run(str(tmp_path), *arguments) == 0
    assert contents(str(tmp_path)) == before
    assert "made" not in capsys.readouterr().out


def test_what_is_there_stays_and_what_is_missing_comes_back(tmp_path: Path) -> None:
    home = str(tmp_path)
    os.makedirs(f"{home}/control")
    Path(home, "control", "me").write_text("old.example\n")
    Path(home, "control", "locals").write_text("")
    assert run(home, "--host", "new.example") == 0
    assert (control(home, "me"), control(home, "locals")) == ("old.example\n", "")
    assert control(home, "rcpthosts") == "old.example\n"  # the home's own name, not the one asked for now
    os.unlink(f"{home}/queue/lock/trigger")
    os.rmdir(f"{home}/queue/mess/7")
    os.unlink(f"{home}/bin/qmail-queue")
    assert run(home) == 0
    assert layout.missing(f"{home}/queue") == [] and os.path.exists(f"{home}/queue/lock/trigger")
    assert os.path.exists(f"{home}/bin/qmail-queue")


def test_a_configured_home_is_not_given_files_that_its_postmaster_has_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(str(tmp_path), "--host", "a.example")
    os.unlink(tmp_path / "control" / "rcpthosts")
    assert run(str(tmp_path)) == 0
    assert not (tmp_path / "control" / "rcpthosts").exists()
    assert "there is no control/rcpthosts" in capsys.readouterr().out


def test_the_administrators_mail_goes_where_asked_and_an_alias_stays(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "alias")
    (tmp_path / "alias" / ".qmail-root").write_text("ann\n")
    run(str(tmp_path), "--host", "a.example", "--admin", "joe@b.example")
    texts = [(tmp_path / "alias" / f".qmail-{name}").read_text() for name in ("postmaster", "mailer-daemon", "root")]
    assert texts == ["&joe@b.example\n", "&joe@b.example\n", "ann\n"]


def test_an_alias_link_laid_as_a_trap_is_not_followed(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "alias")
    (tmp_path / "alias" / ".qmail-root").symlink_to(tmp_path / "victim")
    run(str(tmp_path), "--host", "a.example", "--admin", "joe")
    assert not (tmp_path / "victim").exists()


def test_directories_may_be_links_even_before_their_goal_exists(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    for name in ("control", "queue", "alias", "users"):
        (home / name).symlink_to(elsewhere / name)
    assert run(str(home), "--host", "a.example") == 0
    assert (elsewhere / "control" / "me").read_text() == "a.example\n"
    assert layout.missing(str(elsewhere / "queue")) == []
    assert all((home / name).is_symlink() for name in ("control", "queue", "alias", "users"))


def test_a_link_inside_the_queue_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, victim = tmp_path / "home", tmp_path / "victim"
    (home / "queue").mkdir(parents=True)
    victim.mkdir(0o755)
    (home / "queue" / "lock").symlink_to(victim)
    assert run(str(home), "--host", "a.example") == 111
    assert list(victim.iterdir()) == [] and stat.S_IMODE(victim.stat().st_mode) == 0o755
    assert f"{home}/queue/lock" in capsys.readouterr().err


def test_a_program_put_in_the_place_of_ours_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.makedirs(tmp_path / "bin")
    (tmp_path / "bin" / "qmail-queue").write_text("#!/bin/sh\nexit 31\n")
    run(str(tmp_path), "--host", "a.example")
    assert (tmp_path / "bin" / "qmail-queue").read_text() == "#!/bin/sh\nexit 31\n"
    assert "bin/qmail-queue is not ours and stays" in capsys.readouterr().out


def test_the_name_is_looked_up_and_everything_found_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S003: by DNS."""
    found = hostname.choose("dolphin", "dolphin.example.com", {"127.0.0.1": "localhost"})
    monkeypatch.setattr(hostname, "ask", lambda: found)
    assert run(str(tmp_path)) == 0
    assert control(str(tmp_path), "rcpthosts") == control(str(tmp_path), "locals") == "dolphin.example.com\nlocalhost\n"
    printed = capsys.readouterr().out
    assert "the full name of this host is dolphin.example.com" in printed
    assert "control/locals: dolphin.example.com, localhost" in printed
    assert "control/rcpthosts: dolphin.example.com, localhost" in printed


def test_without_a_name_setup_says_use_host_and_finishes_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S003: when it cannot be found."""
    monkeypatch.setattr(hostname, "ask", lambda: None)
    assert run(str(tmp_path)) == 1
    assert "use --host" in capsys.readouterr().err
    assert not (tmp_path / "control" / "me").exists()
    assert layout.missing(str(tmp_path / "queue")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "two words"],
        ["--host", ""],
        ["--host", "a..b"],
        ["--host", "joe@a.example"],
        ["--admin", "root"],
        ["--admin", "Postmaster"],
        ["--admin", "a\nb"],
        ["--admin", ""],
        ["--nonsense"],
        ["--ho", "a.example"],
        ["extra"],
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_made(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        run(str(tmp_path / "home"), *arguments)
    assert raised.value.code == 100
    assert not (tmp_path / "home").exists()


def test_a_pseudo_domain_and_a_final_dot_are_accepted(tmp_path: Path) -> None:
    assert run(str(tmp_path), "--host", "mash.local.") == 0
    assert control(str(tmp_path), "me") == "mash.local\n"
    assert control(str(tmp_path), "defaultdomain") == "mash.local\n"


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queue").write_text("")
    assert run(str(tmp_path), "--host", "a.example") == 111
    assert f"{tmp_path}/queue: is not a directory" in capsys.readouterr().err


def test_start_scripts_run_qmail_start_of_this_home(tmp_path: Path) -> None:
    run(str(tmp_path), "--host", "a.example")
    (tmp_path / "control" / "defaultdelivery").write_text("|a b\n./Maildir/\n")
    start = tmp_path / "bin" / "qmail-start"
    start.write_text('#!/bin/sh\nprintf "%s|" "$@"\nenv | sed -n s/^SECRET.*/leaked/p\n')
    start.chmod(0o755)
    environment = {**os.environ, "SECRET": "x"}
    texts = {}
    for name in ("rc", "home"):
        texts[name] = subprocess.run([tmp_path / "boot" / name], env=environment, capture_output=True).stdout
    assert texts["rc"] == b"|a b\n./Maildir/|"
    assert texts["home"].startswith(b"./Mailbox|")


def test_an_ordinary_user_gets_a_home_of_his_own(open_directory: str) -> None:
    os.mkdir(f"{open_directory}/mine")
    if os.geteuid() == 0:
        os.chown(f"{open_directory}/mine", ORDINARY_UID, ORDINARY_UID)
    home = f"{open_directory}/mine/home"
    code = "import sys; from qmtwist.cli.main import main; sys.exit(main())"
    account = {"user": ORDINARY_UID, "group": ORDINARY_UID, "extra_groups": []} if os.geteuid() == 0 else {}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": TOP, "PATH": os.defpath}
        command = [sys.executable, "-c", code, *arguments, "--home", home]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/", **account)  # type: ignore[call-overload,no-any-return]

    ended = call("setup", "--host", "a.example")
    assert (ended.returncode, ended.stderr) == (0, "")
    owners = {os.lstat(path).st_uid for path in contents(home)}
    assert owners == {ORDINARY_UID if os.geteuid() == 0 else os.geteuid()}
    assert control(home, "listensmtp") == "tcp:2525:interface=127.0.0.1\n"
    assert "missing" not in ended.stdout
    assert list(problems(home)) == []
    ended = call("check")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    shown = subprocess.run([f"{home}/bin/qmail-showctl"], capture_output=True, text=True, **account)  # type: ignore[call-overload]
    assert "me: My name is a.example.\n" in shown.stdout
