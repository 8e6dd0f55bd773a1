"""The queue manager (qmail-send)."""
