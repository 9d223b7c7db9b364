"""`make bench`: speed and memory, as ratios taken side by side in one run. Never a test."""
