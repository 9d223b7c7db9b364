"""Benchmark runs on labelled series, their measures, and the comparison of runs."""
