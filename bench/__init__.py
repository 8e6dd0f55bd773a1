"""Measurements; one question per program. See bench/README.md."""
