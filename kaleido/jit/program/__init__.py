"""Definitions and their code: what each name means, in which tier it runs, and what a change of it entails.

In the order in which a definition meets them:

================  ==============================================================================
``access``        the engine's lock, and whether its tables may be used
``program``       the tables of one engine, put together
``symbols``       the symbol table: names, current versions, and the call graph
``versions``      one definition of a symbol, and its machine code
``data``          variables in memory that units share
``redefinition``  the transaction: check, compile, commit, roll back; what happens when g changes
``compilation``   versions to loaded code, callees first
``grouping``      which versions share a module: batches, inline groups
``publication``   which code a stub leads to; taking code out of use
``dependencies``  which optimized code inlined which versions
``speculation``   arguments that are taken for constants, and what happens when they change
``recompiler``    the thread that reads the numbers of hot units
``tier_up``       ... and what it does with them: compile at -O3, check, publish
``reconfiguration``  deoptimization on request, and another policy
``reclaim``       when code that is out of use is freed
``event_stream``  all of this, to listeners
================  ==============================================================================
"""
