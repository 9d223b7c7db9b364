"""Turns series into a bundle: fit, calibrate, evaluate, write."""
