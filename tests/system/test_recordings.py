"""control/recordio in the daemon: QMTP and QMQP, in clear and inside TLS."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.hub import KINDS, Hub, anybody, make_home
from tests.support.package_service import package, request

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        made = Hub(make_home(directory), directory)
        made.home.write("control/recordio", "127.0.0.1\n")
        with running(made):
            yield made


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_is_in_the_log_as_both_sides_understand_it(hub: Hub, kind: str) -> None:
    to = hub.home.address("alice").encode()
    message = b"Subject: recorded\n\nPASS secret-word\nbye\n"
    data = package(to, message=message) if kind.startswith("qmtp") else request(to, message=message)
    answer = hub.ask(kind, data, anybody() if kind.endswith("s") else None)
    assert b":Kok " in answer
    name = f"recordio {kind} 127.0.0.1:"
    hub.wait_for(name, "< [EOF]")
    recorded = [line for line in hub.log if name in line]
    words = "\n".join(recorded)
    assert "Subject: recorded" in words and "< bye" in words
    assert any(" > " in line and ":Kok " in line for line in recorded)
    assert "< PASS ******" in words and "secret-word" not in words
