"""The quality bench: how often something leaks, measured from outside. Not part of the installed package."""
