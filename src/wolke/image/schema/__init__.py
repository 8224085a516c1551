"""The wire shapes that come in: bodies, JSON patches, and the schemas that clients can read."""
