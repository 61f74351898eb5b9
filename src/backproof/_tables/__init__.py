"""What reading tables through DuckDB takes, for every job that does."""
