"""The ``endoreg`` command: one module for each command, all calling the services."""
