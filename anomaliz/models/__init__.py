"""Window detectors, one a file; `registry` knows them by name."""
