"""Units to object code for this machine. Nothing here keeps state between compilations.

=============  ==============================================================================
``llvm``       llvmlite: parsing, linking, passes, emission, and every workaround for it
``ir_text``    functions in the text of a module: names, blocks, calls
``recursion``  recursive functions with copies of themselves inlined
``compiler``   the two ways to bind the names that units call, one for each tier
=============  ==============================================================================
"""
