"""Rung 3: every decision, as a function of its arguments."""
