"""The daemon's side of the local agent and its workers."""
