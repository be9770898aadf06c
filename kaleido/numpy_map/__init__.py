"""Functions over arrays: a unit with one loop, into which the function is inlined. `Function.map` leads here.

==================  ================================================================================
``array_kernels``   the loops, as LLVM IR
``kernel_table``    the loops that a session has, and how they run: in pieces, on one or more threads
``broadcasting``    arrays to pointers and strides, as NumPy's ufuncs take them: `map`
``folding``         the same for `reduce` and `accumulate`
``dask_blocks``     `map` of the blocks of a Dask array
``dask_folds``      `reduce` of a Dask array, block after block
==================  ================================================================================

Only ``broadcasting`` and ``folding`` import NumPy, and only ``dask_blocks`` and ``dask_folds`` Dask: importing Kaleido
loads neither.
"""
