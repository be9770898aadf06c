"""``kaleido build``: a program as a native executable. The third way to bind names: all of them statically.

==================  ====================================================================================
``build_command``   ``kaleido build``: arguments, output files, messages
``static_program``  the units of a whole program: a `main` that runs its expressions in order, and the
                    versions of functions that it redefines, behind slots
``startup``         what runs before the program: its thread, its stack, the handler of stack overflow
``number_output``   a double as text, in the fewest digits that identify it, as Python prints it
``c_header``        the functions that C can call, as a C header
``native_code``     all of this in one module, as an object file, assembly, LLVM IR or bitcode
``linker_driver``   the program that links: ``cc``, or the one in the Python package ``ziglang``
==================  ====================================================================================
"""
