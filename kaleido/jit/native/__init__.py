"""Machine code in memory. The files; each builds on those above it.

==================  ===========================================================================
``free_space``      the unused parts of a range of addresses
``code_memory``     regions of memory for code and its variables, never writable and executable
``elf``             reads object files for x86-64
``line_tables``     the source lines of machine code, in an object file
``linking``         places an object file in code memory: layout, symbols, relocation
``jitlink``         LLVM's linker, for other platforms and for objects that ``elf`` does not know
``loader``          loads object code with either, and frees it
``code_ranges``     which addresses are machine code: for signal handlers, and to look up units
``faults``          how native code is left early, on stack overflow and Ctrl-C: the design, and
                    `NativeThread`, what the handlers know about a thread
``handlers.ll``     the signal handlers and the way out of native code, in LLVM IR
``unprotected.ll``  the same functions for platforms without protection
``sampler.ll``      the handler of a sampling timer, and ``samples``, its design and what it writes
``put_byte``        a byte to a C stream, without leaving native code
``handlers``        compiles all of these, once for the process
``entry_points``    the IR of entry points and thunks, through which Python and C call units
``direct_entry``    the same for Python on its own thread, with another stack
``runtime``         the hook, publication, entry points, and the pipes to the recompiler
``stubs``           the addresses of units that never change, and the counter prologues
==================  ===========================================================================
"""
