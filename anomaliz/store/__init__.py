"""The state of pipelines, in a database: what survives a restart."""
