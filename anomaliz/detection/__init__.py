"""From errors to verdicts: calibrate, fuse, decide, attribute, and group into events. numpy only."""
