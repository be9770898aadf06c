"""Units to object code for this machine. Nothing here keeps state between compilations.

====================  ========================================================================"""
