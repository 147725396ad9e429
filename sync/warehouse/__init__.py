"""The data plane: versions of records in DuckDB, and every statement that only one engine understands."""
