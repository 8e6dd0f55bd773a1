"""The group-commit log in which a message lives while it moves."""
