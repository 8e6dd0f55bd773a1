"""A few of the failing system calls of tests/torture/inject.py."""

from __future__ import annotations

import shutil

import pytest

from tests.torture.inject import inject

pytestmark = [pytest.mark.system, pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")]


@pytest.mark.parametrize(
    "case",
    [
        "daemon fdatasync:error=EIO:when=5+7",
        "daemon pwrite64:error=ENOSPC:when=5+7",
        "worker fsync,fdatasync,syncfs:error=EIO:when=2+3",
    ],
)
def test_what_was_acknowledged_is_there_whatever_failed(open_directory: str, case: str) -> None:
    try:
        finding = inject(open_directory, case, seconds=1.0)
    except PermissionError as error:
        pytest.skip(f"strace: {error}")
    assert finding.injected and not finding.missing and finding.is_alive, finding
