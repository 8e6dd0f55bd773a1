"""Logs written, rotated and read."""
