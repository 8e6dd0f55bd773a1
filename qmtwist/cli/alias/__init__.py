"""Forwarding for users who come from sendmail: .forward files, alias databases and mailing lists in files."""
