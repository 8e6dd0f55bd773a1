"""The rooms of the remote agent: sessions with other hosts, kept connections, routes, and one delivery at a time."""
