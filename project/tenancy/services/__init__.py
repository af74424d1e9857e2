"""The only code that writes tenancy rows: one module per thing."""
