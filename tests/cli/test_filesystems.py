"""What kind of file system a queue is on, and what qmtwist check says of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.control import check, filesystems, setup

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 store:/home rw,hard
31 30 254:1 / /home/local rw - xfs /dev/vdb rw
32 22 0:41 / /a\040b rw - cifs //srv/share rw
33 22 0:42 / /twice rw - ext4 /dev/vdc rw
34 33 0:43 / /twice rw - nfs store:/twice rw
35 22 0:44 / /odd
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"), ("/homes/x", "ext4"), ("/home", "nfs4"), ("/home/joe", "nfs4"), ("/home/local/q", "xfs"),
        ("/a b/queue", "cifs"), ("/twice/x", "nfs"), ("/odd/x", "ext4"),
    ],
)  # fmt: skip
def test_the_nearest_and_last_mount_counts(path: str, kind: str) -> None:
    assert filesystems.kind_of(path, MOUNTS) == kind


def test_check_warns_of_a_queue_on_nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S302: the queue, and nothing but the queue; through a link to a local disk it is fine."""
    home = str(tmp_path / "post")
    assert setup.main([b"--home", os.fsencode(home), b"--host", b"a.example"], "") == 0
    real = os.path.realpath(home)
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(filesystems, "MOUNTS", str(mounts))
    before = [line for line in check.problems(home) if "network" in line]  # where there is no such list
    mounts.write_text(f"1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / {real} rw - nfs4 store:/post rw\n")
    warnings = [line for line in check.problems(home) if "network" in line]
    os.rename(f"{home}/queue", tmp_path / "local")
    os.symlink(tmp_path / "local", f"{home}/queue")
    assert before == [] and [line for line in check.problems(home) if "network" in line] == []
    assert warnings == [
        f"{home}/queue: is on a network file system (nfs4): mount a local one there, or link to a local directory"
    ]
