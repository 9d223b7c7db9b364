"""Second opinion: an LLM looks at a series by itself, and what it finds is joined to the series' rows."""
