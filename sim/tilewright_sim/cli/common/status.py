"""The exit statuses of the commands."""

__all__ = ["FAILED", "INTERRUPTED", "MISTAKE"]

FAILED = 1
"""Something that was measured or tested failed."""
MISTAKE = 2
"""Invalid input."""
INTERRUPTED = 130
"""Ended by Ctrl-C, SIGTERM or SIGHUP."""
