"""Units to object code for this machine. Nothing here keeps state between compilations.

============  ==============================================================================
``llvm``      llvmlite: parsing, linking, passes, emission, and every workaround for it
``compiler``  the two ways to bind the names that units call, one for each tier
``remarks``   why LLVM does not inline a call, from a subprocess
============  ==============================================================================
"""
