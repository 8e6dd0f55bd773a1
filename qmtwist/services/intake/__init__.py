"""The ways of messages into the queue."""
