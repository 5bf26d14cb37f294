"""The front door: one module for each thing that the intake does for a caller.

Importing a service from a plain interpreter configures Django with the embedded settings; in a
host project this does nothing.
"""

from endoreg_db.bootstrap import configure

configure()
