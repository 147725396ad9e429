"""What template fields show, the privacy checks on it, and a platform's own persona field."""
