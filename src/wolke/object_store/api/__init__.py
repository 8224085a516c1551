"""The Swift door: accounts, containers and objects at ``/v1/account/container/object``.

``door`` makes a ``call`` of a request; the filters pass it on to ``dispatch``, whose table names a handler for each noun and method.
"""
