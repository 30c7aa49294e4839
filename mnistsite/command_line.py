"""Commands that say in a sentence what is missing, where Django would show a stack trace."""

import sqlite3
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

NOT_THERE = ("no such table", "no such column", "has no column", "does not exist")


def main(arguments: list[str]) -> None:
    """Run a command; with --traceback nothing is hidden."""
    try:
        execute_from_command_line(arguments)
    except Exception as error:
        sentence = explain(error)
        if not sentence or "--traceback" in arguments:
            raise
        sys.exit(sentence)


def explain(error: Exception) -> str:
    """What is missing, and what to do; empty when it is anybody's guess."""
    told = (str(error).strip() or type(error).__name__).splitlines()[0]
    match error:
        case ImproperlyConfigured():
            return told
        case DatabaseError() | sqlite3.Error() if any(each in told for each in NOT_THERE):
            return f"The database is not up to date ({told}). Run: manage.py migrate"
        case DatabaseError() | sqlite3.Error():
            return f"The database cannot be used: {told}. DATABASE_URL says which one it is."
        case OSError() if error.filename:
            return f"{error.filename} cannot be used: {error.strerror}."
    if type(error).__module__.startswith("redis."):
        return f"Redis cannot be used: {told} TASKS_REDIS_URL and CACHE_URL say where it is."
    return ""
