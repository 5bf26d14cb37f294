"""The first look at a source file: what it really is, and which content it holds."""
