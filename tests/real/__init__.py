"""Ghost and BottleCRM, unmodified: servers that nobody here wrote, started from the package registries alone."""
