"""A whole installation, as ``manage.py up`` starts it, driven by people's browsers and the sandbox's prospects."""
