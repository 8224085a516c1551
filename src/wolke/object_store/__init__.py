"""Object Storage: Swift and S3, two doors to one store."""
