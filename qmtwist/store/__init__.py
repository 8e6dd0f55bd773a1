"""Rung 4: the only room that writes files, renames and calls fsync."""
