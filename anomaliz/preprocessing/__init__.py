"""From a series to windows: gaps, the normalizer, windowing. numpy only, and causal."""
