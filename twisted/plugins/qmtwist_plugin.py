"""What twistd finds: the one line that makes `twistd qmtwist` work."""

from twisted.application.service import ServiceMaker

qmtwist = ServiceMaker(
    "qmtwist", "qmtwist.services.assemble", "the mail server: SMTP in, a queue, local delivery, POP3", "qmtwist"
)
