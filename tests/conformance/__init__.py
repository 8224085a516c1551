"""Other people's test suites, each in an environment of its own, against a cloud started for it."""
