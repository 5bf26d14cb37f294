"""Benchmarks: ratios of ours to a reference, taken in turn in one run. Never part of the tests."""
