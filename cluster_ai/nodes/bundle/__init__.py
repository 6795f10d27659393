"""The software that the head hands to machines: packed, signed, fetched, unfolded beside the old one, switched.

What a machine runs before it has any package (``fetch``, ``ecdsa``, ``unfold``, ``switch``, ``unit``, ``identity``)
imports nothing but Python's own library.
"""
