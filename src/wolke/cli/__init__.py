"""The `wolke` command and what stands round the cloud: host packages, host checks and the guest image."""
