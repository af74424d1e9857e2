"""PostgreSQL and Redis from packages, and the supervisor of ``manage.py up``. Imports no Django.

``discover(data_dir)`` is what settings call when ``DATABASE_URL`` or ``REDIS_URL`` is unset.
"""

from project.core.embedded.runtime import Runtime, discover

__all__ = ["Runtime", "discover"]
