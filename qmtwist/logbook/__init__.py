"""Rung 2: facts about what happened, and how a log line words them."""
