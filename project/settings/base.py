"""Settings shared by all environments, one section per concern. Values come from ``project.env`` only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import environ

from project import env
from project.core.embedded import discover
from project.core.logging import logging_config

BASE_DIR = env.BASE_DIR
DATA_DIR = env.data_dir()
#: The embedded servers of DATA_DIR that run now, where the environment names no others.
_embedded = None if env.is_set("DATABASE_URL") and env.is_set("REDIS_URL") else discover(DATA_DIR)

# --- Security ---------------------------------------------------------------------------------------
SECRET_KEY = env.generated_secret("SECRET_KEY", DATA_DIR)
#: Earlier keys: unsubscribe links that were signed with them go on working.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
CREDENTIAL_KEYS = env.words("CREDENTIAL_KEYS") or [env.generated_secret("CREDENTIAL_KEY", DATA_DIR)]
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
#: Commands beside a running installation name its pages, and have webhooks come to them, whatever port they are on.
_port = env.integer("PORT", (_embedded.web_port if _embedded else None) or 8000)
PUBLIC_URL = env.text("PUBLIC_URL", f"http://localhost:{_port}").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", PUBLIC_URL)
SCHEDULER_SECRET = env.optional("SCHEDULER_SECRET")
METRICS_TOKEN = env.optional("METRICS_TOKEN")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

_CSP_SELF = "'self'"
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [_CSP_SELF],
        "script-src": [_CSP_SELF],
        "style-src": [_CSP_SELF],
        "img-src": [_CSP_SELF, "data:"],
        "font-src": [_CSP_SELF],
        "connect-src": [_CSP_SELF, "ws:", "wss:"],
        "frame-ancestors": ["'none'"],
        "form-action": [_CSP_SELF],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- Applications -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "csp",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "ninja",
    "tailwind",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "project.core",
    "project.theme",
    "project.tenancy",
    "integrations",
    "campaigns",
    "inbox",
    "reporting",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "project.tenancy.middleware.SeenSessionMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "project.tenancy.middleware.OrganizationMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenancy.User"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "project.tenancy.context_processors.shell",
            ],
            "builtins": ["project.theme.templatetags.ui"],
        },
    }
]

# --- PostgreSQL and Redis: given by the environment, else the embedded ones of DATA_DIR --------------
_database_url = env.optional("DATABASE_URL") or (_embedded.database_url if _embedded else None)
REDIS_URL = env.optional("REDIS_URL") or (_embedded.redis_url if _embedded else "redis://127.0.0.1:6379/0")

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **environ.Env.db_url_config(_database_url or "postgres://postgres@127.0.0.1:5432/outbound"),
        "ENGINE": "project.core.db",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env.integer("DATABASE_POOL", 12),
                "timeout": 15,
                "max_idle": 120,
            },
        },
    }
}
#: The role every connection takes after it connects; it is subject to row-level security. See project.core.db.
DATABASE_APP_ROLE = env.text("DATABASE_APP_ROLE", "outbound_app")

CACHES = {
    "default": {
        "BACKEND": "project.core.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "oex",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- Realtime ---------------------------------------------------------------------------------------
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "capacity": 2000, "expiry": 30, "prefix": "oex-channels"},
    }
}

# --- Background work --------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TIMEZONE = "UTC"

# --- Sign-in ----------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "project.tenancy.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
#: A reset for an unknown address says the same on the page and mails nobody.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
USERSESSIONS_TRACK_ACTIVITY = True
MFA_ADAPTER = "project.tenancy.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Outbound Engine X"
#: Clocks of phones are off by some seconds: one code before and after is taken too.
MFA_TOTP_TOLERANCE = 1
#: Addresses are verified by the invitation's link; an unverified one must not bar a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
JWT_ACCESS_SECONDS = 15 * 60
JWT_REFRESH_SECONDS = 14 * 24 * 3600
INVITATION_DAYS = 7
#: Calls of the JSON API per minute: of one token or person, and of one address that has not signed in.
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600)
API_PUBLIC_REQUESTS_PER_MINUTE = env.integer("API_PUBLIC_REQUESTS_PER_MINUTE", 60)

# --- Retention: months that ledgers are kept; 0 is for ever (project.core.retention) ------------------
#: Raw calls of providers, as they came; attachments of mails are in them.
KEEP_CALLS_MONTHS = env.integer("KEEP_CALLS_MONTHS", 13)
#: What providers told, normalised.
KEEP_EVENTS_MONTHS = env.integer("KEEP_EVENTS_MONTHS", 25)
#: What reports are counted from; their sums stay.
KEEP_FACTS_MONTHS = env.integer("KEEP_FACTS_MONTHS", 25)

# --- Mail -------------------------------------------------------------------------------------------
#: With a key of Resend's, the installation's own mail leaves through it and is followed to delivery.
RESEND_API_KEY = env.optional("RESEND_API_KEY")
#: Signing secrets of Resend's webhook, the current one first; the others are being replaced.
RESEND_WEBHOOK_SECRETS = env.words("RESEND_WEBHOOK_SECRETS")
#: Unguessable part of the address that Resend reports to: ``/webhooks/resend/<key>``.
RESEND_WEBHOOK_KEY = env.generated_secret("RESEND_WEBHOOK_KEY", DATA_DIR) if RESEND_API_KEY else ""
RESEND_BACKEND = "integrations.mail_backends.ResendBackend"
EMAIL_BACKEND = env.text(
    "EMAIL_BACKEND",
    RESEND_BACKEND if RESEND_API_KEY else "django.core.mail.backends.filebased.EmailBackend",
)
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Outbound Engine X <no-reply@localhost>")

# --- Notifications to operators ---------------------------------------------------------------------
NOTIFICATIONS_ENABLED = env.flag("NOTIFICATIONS_ENABLED", True)
#: Push services know this installation by a key made of this secret (``SECRET_KEY`` if there is none), and reach its
#: operator at this address. Another secret is another installation: browsers have to be asked again.
WEB_PUSH_SECRET = env.text("WEB_PUSH_SECRET", "")
WEB_PUSH_CONTACT = env.text("WEB_PUSH_CONTACT", "operator@localhost.localdomain")

# --- Language, time, files --------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
WHITENOISE_MIMETYPES = {".webmanifest": "application/manifest+json"}
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
TAILWIND_APP_NAME = "project.theme"

# --- Providers --------------------------------------------------------------------------------------
SANDBOX_URL = env.optional("SANDBOX_URL") or (_embedded.sandbox_url if _embedded else None)
UNIPILE_BASE_URL = env.optional("UNIPILE_BASE_URL") or (f"{SANDBOX_URL}/unipile" if SANDBOX_URL else None)
TWILIO_BASE_URL = env.optional("TWILIO_BASE_URL") or (
    f"{SANDBOX_URL}/twilio" if SANDBOX_URL else "https://api.twilio.com"
)
RESEND_BASE_URL = env.optional("RESEND_BASE_URL") or (
    f"{SANDBOX_URL}/resend" if SANDBOX_URL else "https://api.resend.com"
)
SENDGRID_BASE_URL = env.text(
    "SENDGRID_BASE_URL", f"{SANDBOX_URL}/sendgrid" if SANDBOX_URL else "https://api.sendgrid.com"
)
SMARTLEAD_BASE_URL = env.text(
    "SMARTLEAD_BASE_URL",
    f"{SANDBOX_URL}/smartlead" if SANDBOX_URL else "https://server.smartlead.ai/api/v1",
)
HEYREACH_BASE_URL = env.text(
    "HEYREACH_BASE_URL", f"{SANDBOX_URL}/heyreach" if SANDBOX_URL else "https://api.heyreach.io/api/public"
)
#: Each customer has an instance of its own: without a sandbox there is no default.
EMAILBISON_BASE_URL = env.optional("EMAILBISON_BASE_URL") or (
    f"{SANDBOX_URL}/emailbison" if SANDBOX_URL else None
)
#: Base address that providers call back; the sandbox reaches us on loopback.
#: The installation's own mail servers, for mailboxes without hosts of their own; they may be on a private network
#: and unencrypted: ``mail://host?smtp=587&imap=143&security=starttls``. The sandbox's are its next two ports.
_sandbox_port = urlsplit(SANDBOX_URL).port if SANDBOX_URL else None
MAILBOX_BASE_URL = env.optional("MAILBOX_BASE_URL") or (
    f"mail://{urlsplit(SANDBOX_URL).hostname}?smtp={_sandbox_port + 1}&imap={_sandbox_port + 2}"
    if SANDBOX_URL and _sandbox_port
    else None
)
WEBHOOK_BASE_URL = env.text("WEBHOOK_BASE_URL", PUBLIC_URL).rstrip("/")
WEBHOOK_MAX_BYTES = env.integer("WEBHOOK_MAX_BYTES", 2 * 1024 * 1024)
WEBHOOKS_PER_MINUTE = env.integer("WEBHOOKS_PER_MINUTE", 1000)
WEBHOOKS_PER_MINUTE_ORGANIZATION = env.integer("WEBHOOKS_PER_MINUTE_ORGANIZATION", 20_000)
WEBHOOKS_UNKNOWN_PER_MINUTE = env.integer("WEBHOOKS_UNKNOWN_PER_MINUTE", 300)
#: How often accounts are asked for what came in that tell nothing by themselves (mailboxes), and how many of them are
#: watched at most, so that news are fetched at once.
INBOUND_POLL_SECONDS = env.integer("INBOUND_POLL_SECONDS", 50)
INBOUND_WATCHES = env.integer("INBOUND_WATCHES", 500)
#: An account that no webhook told about for this long is polled, and again after as long. The accounts of a provider
#: that runs campaigns are read together this often, whatever its webhooks tell.
SYNC_SILENT_SECONDS = env.integer("SYNC_SILENT_SECONDS", 600)
#: Calls a minute and address of ``/api/internal/``, where an outside scheduler shows ``SCHEDULER_SECRET``.
SCHEDULER_CALLS_PER_MINUTE = 10
#: No follow-up leaves an account whose inbox was last read longer ago; 0 switches this off. Organizations may differ.
FRESH_INBOX_MINUTES = env.integer("FRESH_INBOX_MINUTES", 15)

# --- Limits per sender account and day (mission C6) -------------------------------------------------
DAILY_LIMITS = {"invite": 25, "message": 100, "profile_view": 80, "inmail": 20, "email": 50, "sms": 200}
WEEKLY_LIMITS = {"invite": 200}
#: Per mailbox (account that sends e-mail) and hour.
HOURLY_LIMITS = {"email": env.integer("MAILBOX_HOURLY_LIMIT", 30)}
#: Actions that reach people: they count for the budgets of clients and organizations.
COUNTED_ACTIONS = frozenset({"invite", "message", "inmail", "email", "sms"})
ORGANIZATION_DAILY_LIMIT = env.integer("ORGANIZATION_DAILY_LIMIT", 100_000)
#: Whether webhooks of alerts, whose addresses members type, may be on private networks.
ALERT_PRIVATE_TARGETS = env.flag("ALERT_PRIVATE_TARGETS", False)
#: Per organization, recipient domain (with its aliases) and hour; no limit for domains that are not named.
RECIPIENT_DOMAIN_HOURLY_LIMITS = {"gmail.com": env.integer("GMAIL_HOURLY_LIMIT", 200)}
RECIPIENT_DOMAIN_HOURLY_DEFAULT: int | None = None
#: Velocity guard: growth over last week's use, and how many days at the default limit are always allowed.
VELOCITY_GROWTH_PERCENT: int | None = env.integer("VELOCITY_GROWTH_PERCENT", 25)
VELOCITY_FLOOR_DAYS = 5
#: Requests to a provider per connection: a second on average, at once after a pause. Resend states 5 a second;
#: the others state none, so that these are ours. Smartlead states 10 in 2 seconds.
REQUEST_RATES = {
    "unipile": (50.0, 100),
    "sendgrid": (10.0, 20),
    "twilio": (20.0, 40),
    "resend": (5.0, 5),
    "smartlead": (5.0, 10),
    "emailbison": (5.0, 10),
    "heyreach": (5.0, 20),
}
#: How long an attempt may be under way before it counts as uncertain; longer than any call to a provider takes.
SEND_LEASE_SECONDS = env.integer("SEND_LEASE_SECONDS", 300)
#: Pause between two campaign sends of one account, in milliseconds, chosen at random in between.
SEND_SPACING_MS = (env.integer("SEND_SPACING_MS_MIN", 300), env.integer("SEND_SPACING_MS_MAX", 1500))

#: Seconds in which a reply can be taken back before it leaves; 0: it leaves at once.
REPLY_UNDO_SECONDS = env.integer("REPLY_UNDO_SECONDS", 5)

#: Ask the name service whether the domains of addresses take mail (mission C15).
ADDRESS_LOOKUPS = env.flag("ADDRESS_LOOKUPS", True)
#: A resolver over HTTP that is asked about sending domains (SPF, DKIM, DMARC); blank: the system's name servers.
NAME_SERVICE_URL = env.text("NAME_SERVICE_URL", f"{SANDBOX_URL}/resolve" if SANDBOX_URL else "")

# --- Logs -------------------------------------------------------------------------------------------
LOG_FORMAT = env.text("LOG_FORMAT", "console")
LOGGING = logging_config(LOG_FORMAT, env.text("LOG_LEVEL", "INFO"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_COMMAND_LOGGING_ENABLED = False
PROMETHEUS_EXPORT_MIGRATIONS = False
