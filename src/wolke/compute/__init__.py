"""Compute: servers on whatever hypervisor a host has (the Nova API, v2.1)."""
