"""Import campaign results; lift; offers."""
