"""qmtwist setup --system beside packages that are upgraded, and the alternatives of a system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ownmachine import PYTHON, Machine
from tests.support.setupbox import HOME, PLACES, H, bare, changes, setup

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.slow]


@pytest.fixture
def box() -> Iterator[Machine]:
    with bare() as made:
        yield made


# An init script that is linked nowhere, and whose server does not start.
INIT = r"#!/bin/sh\necho $1; test $1 != start\n"
PACKAGE = """
mkdir -p /tmp/deb/DEBIAN /tmp/deb/usr/sbin
exec 3>/tmp/deb/DEBIAN/control
printf 'Package: othermta\\nVersion: %s\\nArchitecture: all\\nMaintainer: none <n@n.example>\\n' $1 >&3
printf 'Provides: mail-transport-agent\\nDescription: another mail server\\n' >&3
printf '#!/bin/sh\\necho version %s\\n' $1 >/tmp/deb/usr/sbin/sendmail
chmod 755 /tmp/deb/usr/sbin/sendmail
dpkg-deb --build --root-owner-group /tmp/deb /tmp/othermta.deb
dpkg --force-depends -i /tmp/othermta.deb
"""


def test_a_package_that_is_upgraded_leaves_our_links_alone(box: Machine) -> None:
    if box.attempt("test", "-x", "/usr/bin/dpkg-deb").returncode:
        pytest.skip("this is no Debian")
    box.shell("dpkg --purge --force-all postfix >/dev/null 2>&1 || true")
    box.run("/bin/sh", "-ec", PACKAGE, "sh", "1")
    box.shell(f"printf '{INIT}' >/etc/init.d/othermta; chmod 755 /etc/init.d/othermta")
    ended = box.qmtwist("setup", "--system", "--host", H)
    assert ended.returncode == 1 and "the package othermta is installed" in ended.stdout
    setup(box, "--system", "--replace-mta", "--host", H)
    box.run("/bin/sh", "-ec", PACKAGE, "sh", "2")
    assert box.run("readlink", "/usr/sbin/sendmail").strip() == f"{HOME}/bin/sendmail"
    assert box.qmtwist("check").stdout == ""
    box.shell("rm /usr/sbin/sendmail; echo theirs >/usr/sbin/sendmail")  # somebody who does not ask dpkg
    (line,) = box.qmtwist("check").stdout.splitlines()
    assert line == (
        f"/usr/sbin/sendmail: is no link to {HOME}/bin/sendmail any more: "
        f"qmtwist setup --home {HOME} --system --replace-mta"
    )
    box.shell(line.rpartition(": ")[2].replace("qmtwist", f"{PYTHON} -m qmtwist.cli.main"))
    assert box.qmtwist("check").stdout == ""
    ended = box.qmtwist("setup", "--remove")
    assert (
        ended.returncode == 1
        and "othermta did not come back: /etc/init.d/othermta start: exit status 1" in ended.stdout
    )
    assert box.attempt("test", "-e", HOME).returncode == 1  # nothing else was held up by that
    assert box.run("/usr/sbin/sendmail") == "version 2\n"
    assert box.run("cat", "/usr/sbin/sendmail.old.1") == "theirs\n"
    assert "/usr/sbin/sendmail" not in box.run("dpkg-divert", "--list", "/usr/sbin/sendmail*")


def test_what_alternatives_put_back_is_back(box: Machine) -> None:
    """Red Hat's way, and that of Debian's sendmail: the names are links, and an upgrade makes them anew."""
    link = "ln -sfn /etc/alternatives/mta /usr/sbin/sendmail"
    box.shell(f"dpkg --purge --force-all postfix >/dev/null 2>&1 || true; rm -f {' '.join(PLACES)}; {link}")
    before = changes(box)
    setup(box, "--system", "--replace-mta", "--host", H)
    box.shell(link)
    assert "is no link to " in box.qmtwist("check").stdout
    setup(box, "--remove")
    assert changes(box) == before
