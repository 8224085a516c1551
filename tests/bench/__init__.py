"""Ratios against a reference in the same run, never absolute figures: ``python -m tests.bench``."""
