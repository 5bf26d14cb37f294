"""Who may touch what: the file lock beside a source, and the database lease on its content."""
