from django.contrib import admin

from classifier.models import LABELS, NOT_A_DIGIT, ModelVersion, Prediction

from .long_lists import is_by_time


class StatusFilter(admin.SimpleListFilter):
    """Certain, uncertain, and the reasons for that one by one."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        reasons = [choice for choice in Prediction.Reason.choices if choice[0]]
        return [("certain", "certain"), ("uncertain", "uncertain"), *reasons]

    def queryset(self, request, queryset):
        return queryset.with_status(self.value()) if self.value() else queryset


class ReviewFilter(admin.SimpleListFilter):
    """Whether a person has looked, and agreed."""

    title = "review"
    parameter_name = "review"

    def lookups(self, request, model_admin):
        return [
            ("waiting", "not reviewed"),
            ("reviewed", "reviewed"),
            ("agrees", "label agrees"),
            ("disagrees", "label disagrees"),
        ]

    def queryset(self, request, queryset):
        return queryset.with_review(self.value()) if self.value() else queryset


class DigitFilter(admin.SimpleListFilter):
    """The ten digits; unlike Django's own filter it does not ask the table which there are."""

    title = "digit"
    parameter_name = "digit"
    choice_rows = LABELS[:NOT_A_DIGIT]

    def lookups(self, request, model_admin):
        return self.choice_rows

    def queryset(self, request, queryset):
        known = {str(value) for value, _ in self.choice_rows}
        if self.value() in known:
            return queryset.filter(**{self.parameter_name: self.value()})
        return queryset


class VersionFilter(admin.SimpleListFilter):
    """The versions, in words that leave a list of days to the days' index."""

    title = parameter_name = "version"

    def lookups(self, request, model_admin):
        return ModelVersion.objects.values_list("pk", "name")

    def queryset(self, request, queryset):
        if self.value() is None or not self.value().isdecimal():
            return queryset
        return queryset.answered_by(int(self.value()), is_by_time(request))


class LabelFilter(DigitFilter):
    """What people said."""

    title = "label"
    parameter_name = "label"
    choice_rows = LABELS
