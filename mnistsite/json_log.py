"""Logs as JSON, an object a line."""

import json
import logging
from datetime import UTC, datetime

from classifier.request_id import current


class JsonFormatter(logging.Formatter):
    """Time, level, logger and message, the request it is about, and the error if there is one.

    Whatever a client sent is within a JSON string: no line of it can pass for another record.
    """

    def format(self, record):
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", current.get()),
            "process": record.process,
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in told.items() if value != ""})
