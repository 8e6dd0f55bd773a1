"""daemontools: programs that run another program in a changed environment."""
