"""Explores every interleaving of processes that use a lock, over a simulated file system.

`world` is the file system and the processes on it, `programs` what a process runs, `explorer`
the search. The programs are the production functions themselves, stopped before every call.
"""
