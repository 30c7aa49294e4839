"""Lists of any length: counted, sorted and searched as far as that takes no time."""

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED = 500  # rows that a list counts, and that one may leaf through or sort
LOOK_BACK = 20_000  # of the newest, that are searched for what no index has


class MoreThan(int):
    """A count that was given up at some number, in words."""

    def __str__(self):
        return f"more than {int(self):,}"


class CappedPaginator(Paginator):
    """Counts no further than COUNTED: among ten million rows a full count takes seconds."""

    @cached_property
    def count(self):
        counted = self.object_list[: COUNTED + 1].count()
        return MoreThan(COUNTED) if counted > COUNTED else counted


class LongList(ChangeList):
    """A list that goes on with a link to what follows, when it is longer than is counted."""

    def get_queryset(self, request, **kwargs):
        """Sorted as asked only when it is short: no index has other orders than the usual."""
        found = super().get_queryset(request, **kwargs)
        if ORDER_VAR in self.params:
            usual = found.order_by(*self.usual_ordering(request))
            counted = self.model_admin.get_paginator(request, usual, self.list_per_page).count
            if isinstance(counted, MoreThan):
                messages.info(request, f"A list of {counted} is not sorted. Filter it first.")
                return usual
        return found

    def usual_ordering(self, request):
        return self.model_admin.get_ordering(request) or self.lookup_opts.ordering

    def get_results(self, request):
        super().get_results(request)
        if self.query.strip() and looks_back(request):
            self.searched_newest = f"{LOOK_BACK:,}"
        self.following = self.what_follows(request)

    def what_follows(self, request) -> str:
        """The query string of the rows after the last page; empty when there are none."""
        capped = isinstance(self.paginator.count, MoreThan)
        if not capped or self.page_num < self.paginator.num_pages:
            return ""
        first = self.usual_ordering(request)[0]
        name = first.removeprefix("-")
        side = "lt" if first.startswith("-") else "gt"
        if name != "id":
            side += "e"  # of two at the same moment none is left out
        last = getattr(list(self.result_list)[-1], name)
        before = {f"{name}__{side[:2]}": None}  # a list of days has its own end
        return self.get_query_string(before | {f"{name}__{side}": last})


class LookBackFilter(admin.SimpleListFilter):
    """How far back a search looks for what no index has. Shown while one searches."""

    title = "searched"
    parameter_name = "searched"

    def lookups(self, request, model_admin):
        self.searching = bool(request.GET.get(SEARCH_VAR, "").strip())
        return [("all", "all uploads, however long it takes")]

    def has_output(self):
        return self.searching

    def queryset(self, request, queryset):
        return queryset

    def choices(self, changelist):
        newest, *others = super().choices(changelist)
        yield newest | {"display": f"the newest {LOOK_BACK:,}"}
        yield from others


def searched_part(request, queryset):
    """The rows to search: the newest, unless one chose days, or to search all."""
    if not looks_back(request):
        return queryset
    newest = queryset.model.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return queryset.filter(pk__gt=newest - LOOK_BACK)


def looks_back(request) -> bool:
    return LookBackFilter.parameter_name not in request.GET and not is_by_time(request)


def is_by_time(request) -> bool:
    """Whether a list is of certain days. It is then in the order of their index."""
    return any(name.startswith("created_at__") for name in request.GET)
