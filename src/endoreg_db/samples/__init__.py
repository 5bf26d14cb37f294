"""Sample inputs drawn by the project itself; no file of a real patient is ever needed."""
