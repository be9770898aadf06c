"""Ctrl-C, fork and the machine: what concerns the process, and not one engine.

==============  ========================================================================================
``fork``        locks that are free in a forked child, and hooks that run there
``interrupts``  blocks in which Ctrl-C and other signals are deferred, and windows in which they are not
``machine``     the architecture
==============  ========================================================================================
"""
