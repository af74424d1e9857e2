"""Organizations, clients, people, rights, tokens and the audit log."""
