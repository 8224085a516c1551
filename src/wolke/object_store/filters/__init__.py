"""Wrappers round the Swift door, one file each. A filter that is not concerned costs a look at the method, a header or the query."""
