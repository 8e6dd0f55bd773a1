"""Program name to module; a module is imported only when its program is called.

Every module has `main(arguments: list[bytes], home: str) -> int`: the arguments without the program name, the home
directory, and the exit status. Its docstring is its man page.
"""

PROGRAMS: dict[str, str] = {
    "qmail-queue": "queue.qmail_queue",
    "qmail-clean": "queue.qmail_clean",
    "qmail-qread": "queue.qmail_qread",
    "qmail-qstat": "queue.qmail_qstat",
    "qmail-start": "queue.qmail_start",
    "qmail-lspawn": "queue.qmail_lspawn",
    "qmail-rspawn": "queue.qmail_rspawn",
    "qmail-remote": "queue.qmail_remote",
    "qmail-tcpto": "queue.qmail_tcpto",
    "qmail-tcpok": "queue.qmail_tcpok",
    "qmail-local": "mailbox.qmail_local",
    "qmail-popup": "mailbox.qmail_popup",
    "qmail-pop3d": "mailbox.qmail_pop3d",
    "qmtwist-checkpassword": "mailbox.checkpassword",
    "maildirmake": "mailbox.maildirmake",
    "qmail-smtpd": "submit.qmail_smtpd",
    "qmail-inject": "submit.qmail_inject",
    "sendmail": "submit.sendmail",
    "mailq": "submit.mailq",
    "newaliases": "submit.newaliases",
    "dnsfq": "dns.dnsfq",
    "dnsip": "dns.dnsip",
    "dnsmxip": "dns.dnsmxip",
    "dnsname": "dns.dnsname",
    "dnsptr": "dns.dnsptr",
    "dnstxt": "dns.dnstxt",
    "ipmeprint": "dns.ipmeprint",
    "rblsmtpd": "tcp.rblsmtpd",
    "qmail-getpw": "users.qmail_getpw",
    "qmail-newu": "users.qmail_newu",
    "qmail-pw2u": "users.qmail_pw2u",
    "qmail-newmrh": "control.qmail_newmrh",
    "qmail-showctl": "control.qmail_showctl",
    "tcprules": "tcp.tcprules",
    "tcprulescheck": "tcp.tcprulescheck",
    "qmtwist": "main",
}
