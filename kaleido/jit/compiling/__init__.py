"""Units to object code for this machine. Nothing here keeps state between compilations.

=================  ==============================================================================
``llvm``           llvmlite: parsing, linking, passes, emission, and every workaround for it
``library_names``  the functions of the C library that LLVM knows
``unit_checks``    what a unit must be
``counting``       counters of a language's own, in baseline code
``compiler``       the two ways to bind the names that units call, one for each tier
``object_files``   units as object files for ahead-of-time use
``remarks``        why LLVM does not inline a call, from a subprocess
=================  ==============================================================================
"""
