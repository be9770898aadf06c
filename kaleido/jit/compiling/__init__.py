"""Units to object code for this machine. Nothing here keeps state between compilations.

=================  =============================================================================
``object_code``    the result
``processor``      the processor's features, for keys of the cache
``object_cache``   object code of earlier runs: the keys, and what a cache has to do
``lazy_compiler``  code from the cache, or by the modules below, which load LLVM
``llvm``           llvmlite: parsing, linking, passes, emission, and every workaround for it
``compiler``       the two ways to bind the names that units call, one for each tier
=================  =============================================================================
"""
