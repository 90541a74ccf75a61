"""Estimates at the scale of chips: many tiles behind one memory, several chips behind links."""
