"""The object cache of the command: machine code of earlier runs, in a folder of the user.

=================  =========================================================================
``directory``      entries in a folder: what is checked before code is taken from there
``place``          which folder it is, by the environment
``cache_command``  ``kaleido cache``: shows its state, and clears it
=================  =========================================================================

The engine (`kaleido/jit/compiling/object_cache.py`) says what an entry is, and makes the keys.
"""
