"""Identity (Keystone's v3 API): who somebody is, where they belong, what they may do there, and where the services are."""
