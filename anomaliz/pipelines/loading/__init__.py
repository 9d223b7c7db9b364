"""Definitions from YAML files, variables of the environment, and bodies of requests."""

from anomaliz.pipelines.loading.definitions import load_definitions, read_pipeline
from anomaliz.pipelines.loading.files import definition_files
from anomaliz.pipelines.loading.schema import json_schema

__all__ = ["definition_files", "json_schema", "load_definitions", "read_pipeline"]
