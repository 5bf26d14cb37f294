"""A fault harness: an import is killed, or loses its power, at every durable operation it makes.

``operations`` is the vocabulary, ``recorder`` sees a process's operations, ``disk`` knows what a
power cut leaves of them, ``scenarios`` says what is done, ``invariants`` what must hold afterwards,
``faults`` are mistakes that it must find, ``children`` forks, and ``runs`` puts all together.
``tools/crash.py`` and the tests are the callers.
"""
