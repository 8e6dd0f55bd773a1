"""Deliveries by .forward files and forwarding tables."""
