"""Units to object code for this machine. Nothing here keeps state between compilations.

================  ==============================================================================
``llvm``          llvmlite: parsing, linking, passes, emission, and every workaround for it
``object_cache``  object code from earlier runs: the keys, and what a cache has to do
``compiler``      the two ways to bind the names that units call, one for each tier
================  ==============================================================================
"""
