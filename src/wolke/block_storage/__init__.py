"""Block Storage: Cinder's API v3, volumes that outlive the servers that use them, on backends of any kind."""
