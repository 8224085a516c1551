"""Sizes, said once. Names carry their unit: ``ram_mib``, ``size_gib``, ``size_bytes``."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
