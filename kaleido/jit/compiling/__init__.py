"""Units to object code for this machine. Nothing here keeps state between compilations.

====================  ===============================================================================
``object_code``       the result
``processor``         the processor's features, without LLVM
``object_cache``      object code of earlier runs: the keys, and what a cache has to do
``lazy_compiler``     code from the cache, or by the modules below, which load LLVM
``llvm``              llvmlite: parsing, linking, passes, emission, and every workaround for it
``module_names``      names in modules that differ from those in the IR of units
``ir_words``          which modules LLVM compiles without ending the process
``frame_sizes``       how much an instruction puts on the stack
``ir_lines``          the functions, calls and globals in LLVM assembly
``plain_ir``          the same as most front ends write them, read in less time
``unusable_ir``       what LLVM compiles, and the engine cannot honor
``intrinsics``        which of LLVM's intrinsics its parser takes as they are
``rehearsal``         a compilation in another process, for all other modules
``unit_checks``       what a unit must be
``data_checks``       what data must be
``ir_text``           functions in the text of a module: names, blocks, calls
``recursion``         recursive functions with copies of themselves inlined
``counted_recursion`` recursive functions that count in integers
``loops``             loops in the text of a module, and what they count
``loop_guard``        the test that a variable counts in integers
``counted_loops``     loops that count in integers, for LLVM to vectorize
``branches``          branches in place of selects that loops wait for
``debug_metadata``    lines and variables of the source as LLVM's metadata
``debug_copies``      the same for copies of functions
``stale_registers``   variables in registers that a call changes, which debuggers would show
``specialization``    guards: units with arguments that are taken for constants
``stack_walks``       functions whose callers profilers find
``counting``          counters of a language's own, in baseline code
``compiler``          the two ways to bind the names that units call, one for each tier
``object_files``      units as object files for ahead-of-time use
``foreign_machines``  the same for other machines, from a subprocess
``code_places``       IR and assembly with the place in the source of each line
``lost_places``       places that LLVM's passes have taken away
``subprocesses``      compilations in another process, where LLVM has other settings
``remarks``           why LLVM does not inline a call
``pass_changes``      what each of LLVM's passes makes of a unit
====================  ===============================================================================
"""
