"""Pull: incremental reads from the platforms, and identity resolution."""
