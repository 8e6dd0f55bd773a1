"""What the programs of .qmail files do to the message on descriptor 0."""
