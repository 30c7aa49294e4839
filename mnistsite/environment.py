"""The environment, and a file that adds to it, read strictly: nonsense is refused aloud."""

import os
import re
import warnings
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

ON, OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")

RATE = re.compile(r"(?P<count>[1-9]\d{0,8})/(?P<period>second|minute|hour|day)")
PERIODS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600}
LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"
REDIS_CACHE = "django.core.cache.backends.redis.RedisCache"


class Environment:
    """Settings by their names. A setting that is empty is as one that is not there.

    Every method raises ImproperlyConfigured, naming the setting and what was expected of it.
    """

    def __init__(self, file: Path):
        self._root = file.parent
        values: dict[str, str] = {}
        if file.exists():
            try:
                type("File", (environ.Env,), {"ENVIRON": values}).read_env(file)
            except (OSError, UnicodeDecodeError) as error:
                raise ImproperlyConfigured(f"{file} cannot be read: {error}") from error
        for name, value in values.items():
            os.environ.setdefault(name, value)
        # A process that this one starts reads the file anew when it does not inherit these.
        self.from_file = {name for name in values if os.environ[name] == values[name]}

    def __contains__(self, name: str) -> bool:
        return name in os.environ

    def text(self, name: str) -> str:
        return os.environ.get(name, "").strip()

    def names(self, name: str) -> list[str]:
        """A list separated by commas."""
        return [each.strip() for each in self.text(name).split(",") if each.strip()]

    def switch(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in ON + OFF:
            raise ImproperlyConfigured(f"Expected {name} to be 1 or 0, received {value!r}.")
        return value in ON

    def choice(self, name: str, choices: list[str]) -> str:
        """One of the choices, in any case; the first if there is none."""
        value = self.text(name) or choices[0]
        for choice in choices:
            if choice.lower() == value.lower():
                return choice
        raise ImproperlyConfigured(
            f"Expected {name} to be one of {', '.join(choices)}, received {value!r}."
        )

    def count(self, name: str) -> int:
        """A number from 0 on; 0 if there is none."""
        value = self.text(name) or "0"
        if not value.isdecimal():
            raise ImproperlyConfigured(f"Expected {name} to be a number, received {value!r}.")
        return int(value)

    def rate(self, name: str) -> tuple[int, int] | None:
        """How many in how many seconds, from a text like 100/minute; None if there is none."""
        value = self.text(name)
        found = RATE.fullmatch(value)
        if value and not found:
            raise ImproperlyConfigured(
                f"Expected {name} to be like 10/second, 100/minute, 1000/hour or 9000/day, "
                f"received {value!r}."
            )
        return (int(found["count"]), PERIODS_S[found["period"]]) if found else None

    def cache(self, name: str) -> dict:
        """Django's settings of a cache in Redis given by its address; in memory if there is none.

        A Redis that does not answer delays a request by half a second at most.
        """
        address = self.redis(name)
        if not address:
            return {"BACKEND": LOCAL_CACHE, "OPTIONS": {"MAX_ENTRIES": 100_000}}
        timeouts = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
        return {"BACKEND": REDIS_CACHE, "LOCATION": address, "OPTIONS": timeouts}

    def redis(self, name: str) -> str:
        """The address of a Redis; empty if there is none."""
        address = self.text(name)
        if address and not address.startswith(("redis://", "rediss://")):
            raise ImproperlyConfigured(
                f"Expected {name} to be like redis://host:6379/1, received {address!r}."
            )
        return address

    def number(self, name: str) -> int | None:
        """A whole number of at least 1; None if there is none."""
        value = self.text(name)
        if value and not (value.isascii() and value.isdecimal() and int(value) > 0):
            raise ImproperlyConfigured(f"Expected {name} to be 1 or more, received {value!r}.")
        return int(value) if value else None

    def database(self, name: str, default: Path) -> dict:
        """Django's settings of a database given by its address; a SQLite file by default.

        The path of a SQLite file counts from the project's folder, wherever a command is run.
        """
        address = self.text(name) or f"sqlite:///{default}"
        with warnings.catch_warnings(action="ignore"):  # we say it better
            database = environ.Env.db_url_config(address)
        if "ENGINE" not in database:
            raise ImproperlyConfigured(
                f"Expected {name} to be like sqlite:///db.sqlite3 or "
                f"postgres://user:password@host/name."
            )
        if database["ENGINE"].endswith("sqlite3") and database["NAME"] != ":memory:":
            database["NAME"] = str(self._root / database["NAME"])
        return database
