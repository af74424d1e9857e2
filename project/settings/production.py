"""Deployments: real PostgreSQL and Redis, TLS in front, secrets from the environment."""

from project import env
from project.settings.base import *  # noqa: F403

SECRET_KEY = env.secret("SECRET_KEY")
CREDENTIAL_KEYS = env.words("CREDENTIAL_KEYS", env.text("CREDENTIAL_KEYS"))
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Being on the browsers' preload list is for the owner of the domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
EMAIL_BACKEND = env.text(
    "EMAIL_BACKEND",
    RESEND_BACKEND if RESEND_API_KEY else "django.core.mail.backends.smtp.EmailBackend",
)
LOG_FORMAT = "json"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.theme.storage.StaticStorage"},
}

# Real networks watch the rhythm of an account: about a minute between two actions.
SEND_SPACING_MS = (env.integer("SEND_SPACING_MS_MIN", 20_000), env.integer("SEND_SPACING_MS_MAX", 90_000))
