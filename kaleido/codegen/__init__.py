"""Abstract syntax to LLVM units: checks, and the lowering of functions, loops, operators and externs."""
