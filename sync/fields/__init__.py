"""Template field values, their privacy checks, and a platform's own persona field."""
