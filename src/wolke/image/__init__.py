"""Image (Glance v2): the disks that servers start from, kept whole, hashed and inspected."""
