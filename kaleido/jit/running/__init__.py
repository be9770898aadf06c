"""The threads that native code runs on. The files, in the order in which a call meets them:

==============  =====================================================================
``evaluation``  the thread that runs calls, how a call is stopped, and detached threads
``stacks``      protects a thread: its NativeThread, guard zone and signal handlers
``errors``      the exceptions for native code that was left early
==============  =====================================================================
"""
