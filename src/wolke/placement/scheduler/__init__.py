"""Choosing, without any I/O."""
