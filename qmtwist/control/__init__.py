"""Rung 5: reads control/ and users/ into typed, frozen settings."""
