"""Engines run the same SQL: `duckdb` on one machine; a distributed one can be added beside it."""
