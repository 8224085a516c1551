"""What the newest bodies look like. Older ones are these, narrowed by ``versions``."""
