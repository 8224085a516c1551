"""The point of purchase: people, a shop, bills and support for a cloud that is spoken to through its public API alone.

An annex of the house: it has a database of its own and doors of its own (pages and a REST API, the same verbs behind both), imports
``core`` and nothing of the cloud, and so stands before any OpenStack. ``wolke up`` mounts it at ``/``; ``wolke portal`` serves it alone.
"""
