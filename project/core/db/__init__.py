"""PostgreSQL backend: takes the application role, repeats the tenant scope to the server, knows partitions."""
