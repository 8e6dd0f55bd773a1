"""Rung 3: bytes on a wire or a pipe, both directions; sans-IO."""
