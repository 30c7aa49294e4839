"""Fields that take what the schema says and nothing that only looks like it.

DRF's own take "5", 5.0 and true for the number 5, and 5 for the text "5".
"""

import re

from django.core.validators import RegexValidator
from rest_framework import serializers

WHOLE = re.compile(r"-?[0-9]{1,20}")


class Query(serializers.Serializer):
    """What a query string may ask for. An empty value is not the same as none."""

    @classmethod
    def of(cls, query) -> dict:
        """A query string, checked. Raises ValidationError."""
        asked = cls(data=query.dict())
        asked.is_valid(raise_exception=True)
        return asked.validated_data


class Number(serializers.IntegerField):
    """A whole number; as text only in a query string, where there is nothing else."""

    def to_internal_value(self, data):
        of_query = isinstance(data, str) and isinstance(self.parent, Query)
        if type(data) is not int and not (of_query and WHOLE.fullmatch(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text as it is, spaces and all, but without the character that databases refuse."""

    def __init__(self, **kwargs):
        kwargs.setdefault("validators", [RegexValidator(r"^[^\x00]*$")])  # so the schema says it
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Switch(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
