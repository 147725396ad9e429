"""The warehouse: append-only record versions (DuckDB or another Ibis engine), and engine-specific SQL."""
