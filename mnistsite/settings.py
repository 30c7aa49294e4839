"""Settings of the site, all from the environment or from a file `.env` beside manage.py.

The README's table names each. This is the only place that reads the environment.
"""

import socket
import tomllib
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .environment import Environment
from .secret_key import read_or_create

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(BASE_DIR / ".env")
MNIST_VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# The site

DEBUG = env.switch("DJANGO_DEBUG")
SECRET_KEY = env.text("DJANGO_SECRET_KEY") or read_or_create(BASE_DIR / "secret-key")
_hostname = socket.gethostname()
ALLOWED_HOSTS = [
    *("localhost", "127.0.0.1", "[::1]"),  # always: what runs beside it asks for its health
    *(env.names("DJANGO_ALLOWED_HOSTS") or (_hostname, f"{_hostname.split('.')[0]}.local")),
]
CSRF_TRUSTED_ORIGINS = env.names("DJANGO_CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "mnistsite.urls"
WSGI_APPLICATION = "mnistsite.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "axes",
    "django_tasks",
    "django_tasks_db",
    "drf_spectacular_sidecar",  # static files of the API's page, no code
    "classifier",
]
MIDDLEWARE = [
    "classifier.metrics.MetricsMiddleware",
    "classifier.request_id.RequestIdMiddleware",
    "classifier.api.refusals.RefusalMiddleware",
    "classifier.length_required.LengthRequiredMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "classifier.short_path.ShortPathMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "classifier.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces the answer to a login that is refused
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: a login that is refused hashes no password
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "mnistsite" / "templates"],  # before the admin's own templates
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
APPEND_SLASH = False  # /mnist/classify is exact; a slash more is another, unknown path
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# HTTPS: one switch for a site behind TLS

DJANGO_HTTPS = env.switch("DJANGO_HTTPS")
if DJANGO_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz|metrics)$"]  # asked from within, without TLS
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {  # of every page, the admin's too: no inline script or style, nothing from elsewhere
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

# Where things are kept

MNIST_DURABILITY = env.choice("MNIST_DURABILITY", ["fast", "power-safe"])
_SYNCHRONOUS = {"fast": "NORMAL", "power-safe": "FULL"}  # what SQLite calls them
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A PostgreSQL that is gone is noticed within 10 s, whatever the network does.
POSTGRES_OPTIONS: dict[str, str | int] = {
    "connect_timeout": 2,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}
MNIST_SERVING = "MNIST_SERVING" in env or env.text("RUN_MAIN") == "true"  # wsgi.py; runserver
if MNIST_SERVING:
    # An upload waits for the locks of others for 3 s at most. What takes long in a page by itself,
    # such as a search through ten million uploads, has 30 s. Commands have no limit: migrations,
    # exports, backups and replays take as long as they take.
    POSTGRES_OPTIONS["options"] = "-c lock_timeout=3s -c statement_timeout=30s"
DATABASES = {"default": env.database("DATABASE_URL", default=BASE_DIR / "db.sqlite3")}
DATABASES["default"]["CONN_MAX_AGE"] = None  # opening SQLite takes 0.45 ms, a third of a request
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # it may go and come back between requests
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "mnistsite.sqlite3"
    # Readers never wait for the writer, and a writer waits instead of failing with
    # "database is locked".
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        # An upload hears within 5 s that it cannot be stored; a command may wait longer.
        timeout=4 if MNIST_SERVING else 20,
        # A checkpoint waits for the disk: one after 16 MB, which are some 900 uploads, instead of
        # after 4 MB makes it a tenth more uploads a second.
        init_command="PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=4000; "
        f"PRAGMA synchronous={_SYNCHRONOUS[MNIST_DURABILITY]};",
    )
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"]["OPTIONS"] = POSTGRES_OPTIONS | DATABASES["default"].get("OPTIONS", {})
MEDIA_ROOT = BASE_DIR / (env.text("MEDIA_ROOT") or "media")
S3_BUCKET = env.text("S3_BUCKET")  # keys and region as boto3 reads them: AWS_...
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.text("S3_ENDPOINT") or None,
            "file_overwrite": False,
        },
    }
    if S3_BUCKET
    else {"BACKEND": "classifier.storage.UploadStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MNIST_MIN_FREE_BYTES = 32 * 1024 * 1024  # of each disk; with less, /readyz says no
STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT") or None  # only for those who want to collectstatic
STATICFILES_DIRS = [  # what the pages for everybody show, where it is installed
    (name, folder)
    for name, folder in (
        ("samples", BASE_DIR / "fixtures" / "digits"),
        ("docs", BASE_DIR / "docs" / "pictures"),
    )
    if folder.is_dir()
]
WHITENOISE_USE_FINDERS = True  # files are served from where they are installed
WHITENOISE_AUTOREFRESH = False

# Uploads

MNIST_MAX_UPLOAD_BYTES = 16 * 1024 * 1024
MNIST_MAX_DRAINED_BYTES = 64 * 1024 * 1024  # of a refused body, so that the client hears why
MNIST_MAX_FORM_BYTES = 64 * 1024  # of multipart beside the file itself
MNIST_MAX_BATCH_BYTES = 64 * 1024 * 1024  # of a body with many pictures, or a ZIP of them
DATA_UPLOAD_MAX_NUMBER_FILES = MNIST_MAX_BATCH_PICTURES = 100  # in one request
MNIST_MAX_BATCH_PIXELS = 100_000_000  # that one request may keep others waiting for
MNIST_MAX_ZIP_ENTRIES = 10_000
MNIST_MAX_ZIP_UNPACKED_BYTES = 1024 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = MNIST_MAX_UPLOAD_BYTES + MNIST_MAX_FORM_BYTES

# Access

MNIST_REQUIRE_KEY = env.switch("MNIST_REQUIRE_KEY")  # for uploads; the rest needs one anyway
MNIST_THROTTLE_KEY = env.rate("MNIST_THROTTLE_KEY")
MNIST_THROTTLE_ADDRESS = env.rate("MNIST_THROTTLE_ADDRESS")
MNIST_NUM_PROXIES = env.count("MNIST_NUM_PROXIES")  # whose X-Forwarded-For is believed
CACHES = {"default": env.cache("CACHE_URL")}

# Wrong passwords within AXES_COOLOFF_TIME, after which more are refused for as long

AXES_FAILURE_LIMIT = 5  # of an account at an address
MNIST_LOGIN_FAILURES_ADDRESS = 20  # of an address, for all accounts
MNIST_LOGIN_FAILURES_ACCOUNT = 50  # of an account, at addresses that it has not logged in from
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or it would last for as long as one tries
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # what a login that succeeds forgets
AXES_RESET_ON_SUCCESS = True
AXES_HANDLER = "classifier.logins.LoginHandler"
AXES_CLIENT_IP_CALLABLE = "classifier.logins.client_address"
AXES_LOCKOUT_CALLABLE = "classifier.api.errors.too_many_logins"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]  # not kept twice
AXES_ENABLE_ADMIN = False  # its pages could not undo a limit: manage.py axes_reset_username does
AXES_VERBOSE = False

MNIST_RETENTION_DAYS = env.number("MNIST_RETENTION_DAYS")  # then uploads go; None: never

# Load: for each worker

MNIST_MAX_WAITING = 1024  # requests of one kind, before others of it get 503
MNIST_MAX_WAITING_BYTES = 128 * 1024 * 1024  # of their bodies
MNIST_MAX_HELD_BYTES = 256 * 1024 * 1024  # of bodies that are arriving
MNIST_BODY_TIMEOUT_S = 120  # for a body to arrive
MNIST_UPLOAD_TIMEOUT_S = 5  # for an upload to be answered; then 503
MNIST_PAGE_TIMEOUT_S = 60  # for anything else
MNIST_READ_TIMEOUT_S = 10  # for a picture to be read; then the process is replaced

# The network

MNIST_MODEL_CACHE = BASE_DIR / (  # copies of versions whose storage is not on this machine
    env.text("MNIST_MODEL_CACHE") or MEDIA_ROOT / "models"
)
MNIST_ENVIRONMENT_FROM_FILE = env.from_file  # names that a training reads from it anew
MNIST_DATA = env.text("MNIST_DATA")  # MNIST as .npz; empty: downloaded by Keras
MNIST_ENGINE = env.choice("MNIST_ENGINE", ["litert", "keras"])
MNIST_PRELOAD = env.choice("MNIST_PRELOAD", ["auto", "always", "never"])

# Background work: in the database, or on Redis for workers on other machines

TASKS_REDIS_URL = env.redis("TASKS_REDIS_URL")
TASK_QUEUES = ["default", "training"]  # a worker for each: nothing waits behind a training
_needed = {"TASKS_REDIS_URL": "django_tasks_rq", "S3_BUCKET": "storages", "CACHE_URL": "redis"}
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    _needed["DATABASE_URL"] = "psycopg"
for _name, _module in _needed.items():
    if env.text(_name) and not find_spec(_module):
        raise ImproperlyConfigured(f"{_name} needs: pip install -r requirements-scale.txt")
if TASKS_REDIS_URL:
    INSTALLED_APPS.insert(0, "django_rq")
    TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": TASK_QUEUES}}
    _queue = {
        "URL": TASKS_REDIS_URL,
        "DEFAULT_TIMEOUT": 7 * 24 * 3600,
        # Who serves only puts tasks in, and asks how many wait. A worker waits for tasks.
        "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 1, "socket_timeout": 1}
        if MNIST_SERVING
        else {"socket_connect_timeout": 2},
    }
    RQ_QUEUES = dict.fromkeys(TASK_QUEUES, _queue)
else:
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": TASK_QUEUES}}

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "classifier.api.errors.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",  # imported by whoever asks
    "DEFAULT_THROTTLE_CLASSES": [
        "classifier.api.throttles.KeyLimit",
        "classifier.api.throttles.AddressLimit",
    ],
    "NUM_PROXIES": MNIST_NUM_PROXIES,
}

# Being watched

MNIST_METRICS_KEY = env.text("MNIST_METRICS_KEY")  # that /metrics asks for; empty: open
PROMETHEUS_MULTIPROC_DIR = env.text("PROMETHEUS_MULTIPROC_DIR")  # set by manage.py serve
if PROMETHEUS_MULTIPROC_DIR:  # a clean-up of temporary files must not keep a worker from starting
    Path(PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)
MNIST_LOG_FORMAT = env.choice("MNIST_LOG_FORMAT", ["line", "json"])
LOG_LEVEL = env.choice("LOG_LEVEL", ["INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "mnistsite.json_log.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": MNIST_LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Anyone can send a wrong host, or what is refused: one line of ours tells of each.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.request": {"level": "CRITICAL"},
        "_granian": {"handlers": [], "propagate": True},  # Granian's own, in our format
        "axes": {"level": "CRITICAL"},  # classifier.logins has a line for each login that fails
    },
}
