"""rules/machine/rivals.py: other mail servers."""

from __future__ import annotations

from qmtwist.rules.machine import rivals
from qmtwist.rules.machine.rivals import Place


def test_packages_that_provide_a_mail_server_are_found_whatever_they_are_called() -> None:
    said = (
        "postfix\tinstalled\tdefault-mta, mail-transport-agent\n"
        "nullmailer\tconfig-files\tmail-transport-agent\n"  # removed, its configuration is left
        "dma\tunpacked\tmail-transport-agent (= 1.0)\n"
        "mutt\tinstalled\tmail-reader\n"
        "odd\tinstalled\tnot-mail-transport-agent\n"
        "\n"
    )
    assert rivals.debian_packages(said) == ["dma", "postfix"]
    assert rivals.rpm_packages("sendmail\nno package provides MTA\nexim\nsendmail\n") == ["exim", "sendmail"]


def test_services_have_the_names_that_their_packages_give_them() -> None:
    assert rivals.services("exim4-base") == ("exim4", "exim")
    assert rivals.services("sendmail-bin") == ("sendmail", "sm-client")
    assert rivals.services("nullmailer") == ("nullmailer",)


def test_what_is_put_aside_takes_no_name_of_another() -> None:
    place = Place("/usr/bin/mailq", "/var/qmail/bin/mailq")
    assert rivals.aside(place) == "/usr/bin/mailq.old"
    assert rivals.aside(place._replace(taken=("mailq.old", "mailq.old.1"))) == "/usr/bin/mailq.old.2"


def test_a_link_is_ours_if_it_says_so_itself() -> None:
    place = Place("/usr/bin/mailq", "/var/qmail/bin/mailq", is_there=True, link="/var/qmail/bin/mailq")
    assert place.is_ours
    assert not place._replace(link="../sbin/sendmail").is_ours and not place._replace(link=None).is_ours


def test_a_service_comes_back_as_it_was() -> None:
    assert rivals.stop("postfix", "systemd", "enabled,active") == [
        ["systemctl", "stop", "postfix"],
        ["systemctl", "disable", "postfix"],
    ]
    assert rivals.resume("postfix", "systemd", "enabled,active") == [
        ["systemctl", "enable", "postfix"],
        ["systemctl", "start", "postfix"],
    ]
    assert rivals.resume("postfix", "systemd", "") == []
    assert rivals.resume("postfix", "chkconfig", "active") == [["/etc/init.d/postfix", "start"]]
    assert rivals.stop("postfix", "", "enabled") == [["/etc/init.d/postfix", "stop"]]
    assert rivals.stop("postfix", "update-rc.d", "enabled")[1] == ["update-rc.d", "postfix", "disable"]
    assert rivals.stop("postfix", "update-rc.d", "active") == [["/etc/init.d/postfix", "stop"]]
    assert rivals.resume("postfix", "update-rc.d", "enabled") == [["update-rc.d", "postfix", "enable"]]


def test_an_init_script_under_systemd_is_read_past_what_is_said_about_it() -> None:
    said = (
        "exim4.service is not a native service, redirecting to systemd-sysv-install.\nExecuting: x is-enabled exim4\n"
    )
    assert rivals.systemd_state(f"{said}enabled\n", is_active=True) == "enabled,active"
    assert rivals.systemd_state(f"{said}disabled\n", is_active=True) == "active"
    gone = "Failed to get unit file state for x.service: No such file or directory\n"
    assert rivals.systemd_state(gone, is_active=False) is None and rivals.systemd_state("", is_active=False) is None


def test_a_diversion_is_taken_back_by_its_own_words() -> None:
    made, back = (make("/usr/sbin/sendmail", "/usr/sbin/sendmail.old") for make in (rivals.divert, rivals.undivert))
    assert [word for word in made if word != "--add"] == [word for word in back if word != "--remove"]
