"""The jobs, in the order in which they run, and what people touch."""
