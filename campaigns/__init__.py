"""Leads, companies, plans, enrollments, the engine, suppression."""
