"""Which name servers this host asks: control/nameservers, else /etc/resolv.conf. (resolv.conf(5))"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable
from qmtwist.wire.nameserver import NameService, parse_resolv_conf, parse_server

from . import grammar

RESOLV_CONF = "/etc/resolv.conf"


def name_service(lines: Iterable[bytes], resolv_conf: str = RESOLV_CONF) -> NameService:
    """Whom to ask, given the lines of control/nameservers: these servers, with the system's options and search list.

    Lines that are no address are passed over (`qmtwist check` complains about them). A system without resolv.conf has
    its server on this host.
    """
    try:
        with open(resolv_conf, "rb") as stream:
            service = parse_resolv_conf(stream.read())
    except OSError:
        service = NameService()
    servers = tuple(server for line in lines if (server := parse_server(line)) is not None)
    return service._replace(servers=servers) if servers else service


def home_name_service(home: str, resolv_conf: str = RESOLV_CONF) -> NameService:
    """Whom the programs of a home ask; without control/nameservers, the system's servers.

    :raises OSError: the file is there, and cannot be read.
    """
    return name_service(grammar.read_list(home, "nameservers") or [], resolv_conf)
