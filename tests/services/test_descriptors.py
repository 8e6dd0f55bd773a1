"""Connections are limited to what the descriptors allow."""

from __future__ import annotations

import resource
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.control.load import load
from qmtwist.control.settings import Settings
from qmtwist.services import descriptors


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home: Path = tmp_path_factory.mktemp("home")
    (home / "control").mkdir()
    (home / "control/me").write_text("mail.example\n")
    return load(str(home))


def test_what_fits_is_left_alone_and_one_descriptor_less_does_not_fit(settings: Settings) -> None:
    need = descriptors.wanted(settings)
    assert descriptors.within(settings, need) is settings
    assert descriptors.within(settings, need - 1).smtp.concurrencyincoming < settings.smtp.concurrencyincoming


@given(limit=st.integers(0, 3000))
def test_connections_leave_a_reserve_and_nobody_is_shut_out(settings: Settings, limit: int) -> None:
    fitting = descriptors.within(settings, limit)
    smtp, pop3 = fitting.smtp.concurrencyincoming, fitting.pop3.concurrency
    assert smtp >= descriptors.LEAST and pop3 >= descriptors.LEAST
    if smtp > descriptors.LEAST and pop3 > descriptors.LEAST:
        used = smtp * descriptors.SMTP_EACH + pop3 * descriptors.POP3_EACH
        assert used <= limit - descriptors.BASE


def test_fewer_connections_than_the_least_stay_fewer(settings: Settings) -> None:
    one = attrs.evolve(settings, smtp=attrs.evolve(settings.smtp, concurrencyincoming=1))
    assert descriptors.within(one, 10).smtp.concurrencyincoming == 1


def test_the_soft_limit_is_raised_as_far_as_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
        assert descriptors.raise_limit(150) == min(soft, 200)
        assert descriptors.raise_limit(250) == 250
        if hard != resource.RLIM_INFINITY:
            assert descriptors.raise_limit(hard + 1) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_services_that_listen_have_their_share(settings: Settings) -> None:
    listening = attrs.evolve(settings, listen=attrs.evolve(settings.listen, qmtp=("tcp:209",), qmqps=("tcp:6280",)))
    more = descriptors.wanted(listening) - descriptors.wanted(settings)
    assert more == descriptors.PACKAGE_EACH * (settings.qmtp.concurrency + settings.qmtp.concurrencyqmqp)
    few = descriptors.within(listening, descriptors.wanted(listening) // 2)
    assert few.qmtp.concurrency < settings.qmtp.concurrency and few.qmtp.concurrencyqmqp < settings.qmtp.concurrencyqmqp


def test_both_forms_of_a_service_share_their_connections_and_a_socket_has_its_own(settings: Settings) -> None:
    def wanted(**endpoints: tuple[str, ...]) -> int:
        return descriptors.wanted(attrs.evolve(settings, listen=attrs.evolve(settings.listen, **endpoints)))

    one = wanted(qmqp=("tcp:628",))
    assert wanted(qmqp=("tcp:628",), qmqps=("tcp:6280",)) == one
    by_socket = wanted(qmqp=("tcp:628", "unix:/run/qmqp"))
    assert by_socket - one == descriptors.PACKAGE_EACH * settings.qmtp.concurrencyqmqp
