"""The log: worded, written, rotated."""
