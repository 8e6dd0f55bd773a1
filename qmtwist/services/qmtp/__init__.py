"""QMTP and QMQP."""
