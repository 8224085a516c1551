"""The Swift door: accounts, containers and objects at ``/v1/account/container/object``."""
