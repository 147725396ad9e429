"""The control plane: what was done, how far, and to whom. SQLite or PostgreSQL, through SQLAlchemy Core."""
