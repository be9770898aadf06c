"""The threads that native code runs on. The files; each builds on those above it.

==================  =====================================================================
``stacks``          protects a thread: its NativeThread, guard zone and signal handlers
``callbacks``       Python functions that native code calls, and their exceptions
``evaluation``      the thread that runs calls, how a call is stopped, and detached threads
``sampler``         a timer that samples the evaluation thread
``ctrl_c``          Ctrl-C while the main thread is in native code itself
``direct_threads``  the application's threads that call units directly, and their stacks
``errors``          the exceptions for native code that was left early
==================  =====================================================================
"""
