"""Messages into the queue, from programs and from clients on two descriptors."""
