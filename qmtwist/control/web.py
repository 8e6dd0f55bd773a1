"""The rows of control files about links for leaving lists, which qmail does not have."""

from __future__ import annotations

from .connections import listener
from .row import Kind, Row, number

UNSUBSCRIBE = "service for leaving lists"

WEB: tuple[Row, ...] = (
    number("concurrencyhttp", 100, UNSUBSCRIBE, "connections at the same time, in clear or TLS", "web.concurrency"),
    listener("http", UNSUBSCRIBE, "`tcp:8080:interface=127.0.0.1`, behind a web server that has the certificate"),
    listener("https", UNSUBSCRIBE + ", inside TLS", "`tcp:443`"),
    Row(
        "unsubscribeurl",
        Kind.URL,
        None,
        "queue manager, " + UNSUBSCRIBE,
        "where the links begin by which people leave lists with one click, such as `https://lists.example.org/leave`; "
        "what is asked for there must reach `listenhttp` or `listenhttps`",
        "send.unsubscribeurl",
        default_words="none: they leave by mail",
    ),
)
