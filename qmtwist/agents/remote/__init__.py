"""One message to other hosts, without a reactor: what qmail-remote and qmail-rspawn do."""
