"""Abstract syntax to LLVM units.

The files, in the order in which a definition meets them:

=====================  =======================================================================
``scope``              the functions that an item may call
``checker``            checks a body, and resolves its names
``name_errors``        the messages for names that mean nothing
``lowering``           a checked body to a unit; each loop becomes a unit of its own
``frame``              one LLVM function that lowering works on: variables, captures, calls
``writer``             the text of that function
``source_map``         where in the source each line of the text comes from
``remainder``          the instructions of ``%``
``externals``          units that forward to C
=====================  =======================================================================

``builtin_operators`` has the instruction of each built-in operator, ``variables`` the block structure that checker and
lowering share, and ``mangling`` the engine's symbols for names of the language.
"""
