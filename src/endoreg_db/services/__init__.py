"""The front door: one module for each thing that the intake does for a caller."""
