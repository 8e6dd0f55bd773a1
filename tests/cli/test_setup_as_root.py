"""qmtwist setup and check as root, with and without qmail's accounts, in a private name space."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from qmtwist.cli.control import accounts, elf
from tests.support import privately

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Runs setup in a name space that knows the accounts, then `body`, and prints `result` as JSON.
SCRIPT = """
import json, os, stat, subprocess, sys
sys.path.insert(0, {top!r})
from tests.support import privately
if not privately.enter():
    print("null")
    sys.exit()
home, base = {home!r}, {base!r}
from qmtwist.cli.control import check, setup
from contextlib import redirect_stdout
from io import StringIO
if {is_first_without!r}:
    with redirect_stdout(StringIO()) as early:
        assert setup.main([b"--home", home.encode(), b"--host", b"a.example"], home) == 0
    result = {{"early": early.getvalue()}}
else:
    result = {{}}
privately.add_accounts(base, privately.mail_accounts(home), privately.MAIL_GROUPS if {has_groups!r} else {{}})
with redirect_stdout(StringIO()) as said:
    assert setup.main([b"--home", home.encode(), b"--host", b"a.example"], home) == 0
result["said"] = said.getvalue()
{body}
print(json.dumps(result))
"""


def play(directory: str, body: str, has_groups: bool = True, is_first_without: bool = True) -> dict[str, object]:
    os.mkdir(f"{directory}/base")
    text = SCRIPT.format(
        top=TOP,
        home=f"{directory}/home",
        base=f"{directory}/base",
        body=body,
        has_groups=has_groups,
        is_first_without=is_first_without,
    )
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, object] | None = json.loads(ended.stdout)
    if found is None:
        pytest.skip("no private name spaces here")
    return found


OWNERS = """
result["problems"] = list(check.problems(home))
result["owners"] = {
    name: [(status := os.lstat(f"{home}/{name}")).st_uid, status.st_gid, oct(stat.S_IMODE(status.st_mode))]
    for name in (".", "alias", "control", "queue", "queue/mess/3", "queue/info/3", "queue/bounce", "queue/pid",
                 "queue/lock/tcpto", "queue/lock/trigger", "queue/lock/sendmutex")
}
"""


@pytest.mark.parametrize("has_groups", [True, False])
@pytest.mark.parametrize("is_first_without", [True, False])
def test_owners_and_modes_are_qmails_even_if_the_accounts_come_later(
    open_directory: str, has_groups: bool, is_first_without: bool
) -> None:
    found = play(open_directory, OWNERS, has_groups, is_first_without)
    assert found["problems"] == []
    assert found["owners"] == {
        ".": [0, 1002, "0o755"],
        "alias": [1001, 1002, "0o2755"],
        "control": [0, 0 if is_first_without else 1002, "0o755"],
        "queue": [1005, 1002, "0o750"],
        "queue/mess/3": [1005, 1002, "0o750"],
        "queue/info/3": [1007, 1002, "0o700"],
        "queue/bounce": [1007, 1002, "0o700"],
        "queue/pid": [1005, 1002, "0o700"],
        "queue/lock/tcpto": [1006, 1002, "0o644"],
        "queue/lock/trigger": [1007, 1002, "0o622"],
        "queue/lock/sendmutex": [1007, 1002, "0o600"],
    }


def test_setup_names_missing_accounts_with_their_commands_and_stops_when_they_exist(open_directory: str) -> None:
    if accounts.find().is_complete:
        pytest.skip("this machine has the accounts")
    found = play(open_directory, "")
    assert "missing: " in str(found["early"])
    for command in accounts.commands(accounts.Accounts({}, {}), f"{open_directory}/home"):
        if command.split()[-1] not in {*accounts.find().uids, *accounts.find().gids}:
            assert f"    {command}\n" in str(found["early"])
    assert "missing" not in str(found["said"])


QUEUE = """
home_bin = home + "/bin/qmail-queue"
status = os.stat(home_bin)
result["program"] = [status.st_uid, status.st_gid, oct(stat.S_IMODE(status.st_mode))]
with open(base + "/envelope", "wb") as stream: stream.write(b"Fjoe@a.example\\0Tann@b.example\\0\\0")
with open(base + "/message", "wb") as stream: stream.write(b"Subject: x\\n\\nhello\\n")
with open(base + "/message") as message, open(base + "/envelope") as envelope:
    ended = subprocess.run([home_bin], stdin=message, stdout=envelope, stderr=subprocess.PIPE, user=12345, group=12345,
                           extra_groups=[], env={"QMTWIST_HOME": "/evil", "QMAILQUEUE": "/evil", "PYTHONPATH": "/evil"})
result["exit"] = [ended.returncode, ended.stderr.decode()]
queued = [os.path.join(place, name) for place, _, names in os.walk(home + "/queue/mess") for name in names]
result["owners"] = [os.stat(path).st_uid for path in queued]
result["texts"] = [open(path).read() for path in queued]
"""


@pytest.mark.skipif(os.uname().machine not in elf.machines(), reason="no set-uid form for this machine")
def test_any_user_can_queue_while_nothing_runs(open_directory: str) -> None:
    found = play(open_directory, QUEUE)
    if found["program"] == [0, 0, "0o755"]:
        pytest.skip("this checkout or its Python can be changed by others than root")
    assert found["program"] == [1005, 1002, "0o4711"]
    assert found["exit"] == [0, ""]
    assert found["owners"] == [1005]
    (text,) = found["texts"]  # type: ignore[misc]
    assert str(text).startswith("Received: (qmail ") and "invoked by uid 12345" in str(text)
    assert str(text).endswith("Subject: x\n\nhello\n")


DAMAGE = """
os.chmod(home + "/queue/info/3", 0o755)
os.chown(home + "/queue/lock", 12345, -1)
os.unlink(home + "/queue/lock/trigger")
open(home + "/queue/lock/trigger", "w").close()
os.truncate(home + "/queue/lock/tcpto", 5)
os.rmdir(home + "/queue/todo")
os.chmod(home + "/control", 0o777)
os.chmod(home + "/control/me", 0o600)
with open(home + "/control/queuelifetime", "w") as stream: stream.write("x\\n")
with open(home + "/control/maxerrors", "w") as stream: stream.write("0\\n")
os.unlink(home + "/bin/qmail-showctl")
result["problems"] = list(check.problems(home))
commands = [line.rsplit(": ", 1)[1] for line in result["problems"]]
for command in commands:
    if not command.startswith("qmtwist") and "&&" not in command:
        subprocess.run(command, shell=True, check=True)
for name in ("lock/trigger", "lock/tcpto"):
    os.unlink(home + "/queue/" + name)
with redirect_stdout(StringIO()):
    setup.main([b"--home", home.encode()], home)
result["afterwards"] = list(check.problems(home))
"""


def test_check_names_each_damage_and_its_commands_mend_it(open_directory: str) -> None:
    found = play(open_directory, DAMAGE)
    home = f"{open_directory}/home"
    lines = [str(line) for line in found["problems"]]  # type: ignore[attr-defined]
    expected = [
        f"{home}/control: has mode 0777 instead of 0755: chmod 0755 {home}/control",
        f"{home}/queue/todo: does not exist: qmtwist setup --home {home}",
        f"{home}/queue/lock: belongs to 12345:1002 instead of qmailq:1002: chown qmailq:1002 {home}/queue/lock",
        f"{home}/queue/info/3: has mode 0755 instead of 0700: chmod 0700 {home}/queue/info/3",
        f"{home}/queue/lock/tcpto: has 5 bytes instead of 1024: "
        f"rm {home}/queue/lock/tcpto && qmtwist setup --home {home}",
        f"{home}/queue/lock/trigger: is not a fifo: mv {home}/queue/lock/trigger {home}/queue/lock/trigger.old "
        f"&& qmtwist setup --home {home}",
        f"{home}/bin/qmail-showctl: does not exist: qmtwist setup --home {home}",
        f"{home}/control/maxerrors:1: 0 is out of range; allowed is 1 to 2147483647: echo 20 >{home}/control/maxerrors",
        f"{home}/control/queuelifetime:1: 'x' is no number; allowed is 0 to 2147483647; the default 604800 is used: "
        f"echo 604800 >{home}/control/queuelifetime",
        f"{home}/control/me: cannot be read by the server when it rereads it: chmod 644 {home}/control/me",
    ]
    assert sorted(lines) == sorted(expected)
    assert found["afterwards"] == []


def test_the_test_accounts_are_the_ones_that_setup_wants() -> None:
    assert privately.MAIL_UIDS.keys() == accounts.GROUP_OF.keys()
    assert privately.MAIL_GROUPS.keys() == set(accounts.GROUPS)
