"""Lists of any length, a page at a time: no row is counted, none is skipped over."""

from datetime import datetime

from django.utils.timezone import is_aware
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination

LARGEST_ID = 2**63 - 1


class NewestFirst(CursorPagination):
    """Pages by id, newest first; with `time_field` rows of that are found by its index instead."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_page_size(self, request):
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (asked.isascii() and asked.isdecimal() and int(asked[:9])):
            raise ValidationError({"page_size": ["Expected a number from 1 on."]})
        return min(int(asked[:9]), self.max_page_size)

    def get_ordering(self, request, queryset, view):
        return tuple(queryset.query.order_by) or (self.ordering,)

    def decode_cursor(self, request):
        """Refuse a cursor of another list's, or of nobody's, before the database sees it."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._check(cursor.position)
        except Exception as error:
            problem = "Expected a cursor of `next` or `previous` of this list."
            raise NotFound(problem, "invalid_cursor") from error
        return cursor

    def _check(self, position: str) -> None:
        if self.ordering[0] == "-created_at":
            if not is_aware(datetime.fromisoformat(position)):
                raise ValueError("no time zone")
        elif not 0 <= int(position) <= LARGEST_ID:
            raise ValueError("not an id")
