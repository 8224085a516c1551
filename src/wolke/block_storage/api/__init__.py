"""Block Storage's door: Cinder's API v3, with microversions."""
