"""The SMTP grammar and the server session, without a socket."""
