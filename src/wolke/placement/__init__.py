"""Placement: what there is, where, how much of it is taken, and by whom."""
