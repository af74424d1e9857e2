"""Tests: real PostgreSQL and Redis (the embedded ones, started by tests/plugins/embedded.py)."""

import os

os.environ.setdefault("SECRET_KEY", "test-only-secret-key-not-used-elsewhere")
os.environ.setdefault("CREDENTIAL_KEYS", "dGVzdC1vbmx5LWNyZWRlbnRpYWwta2V5LTMyYnl0ZXM=")

from project import env
from project.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
DATABASES["default"]["OPTIONS"].pop("pool")
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["TEST"] = {"TEMPLATE": env.optional("TEST_TEMPLATE")}
ALLOWED_HOSTS = ["*"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
ACCOUNT_RATE_LIMITS = False  # type: ignore[assignment]  # allauth: no limits at all
SCHEDULER_SECRET = "test-scheduler-secret"
METRICS_TOKEN = "test-metrics-token"
API_REQUESTS_PER_MINUTE = 1_000_000
API_PUBLIC_REQUESTS_PER_MINUTE = 1_000_000
#: Most tests let days go by and read no inbox; the interlock's own tests switch it on.
FRESH_INBOX_MINUTES = 0
#: No name server is asked; tests of the checks bring their own answers.
ADDRESS_LOOKUPS = False
