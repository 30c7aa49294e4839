from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html

from classifier.models import ApiKey


class ApiKeyForm(forms.ModelForm):
    asker = None  # who makes the key, and owns it unless the form has a field to say otherwise
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple, initial=["classify"]
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:  # of its two inputs Django labels neither
            day, time = self.fields["expires_at"].widget.widgets
            day.attrs["aria-label"], time.attrs["aria-label"] = "Expires on", "Expires at"

    def clean(self):
        if self.instance._state.adding and "owner" not in self.fields:
            self.instance.owner = self.asker  # before the row is checked: what it may depends on it
        return super().clean()


class RevokedFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "revoked"

    def lookups(self, request, model_admin):
        return [("no", "in use"), ("yes", "revoked")]

    def queryset(self, request, queryset):
        if self.value() in ("no", "yes"):
            return queryset.filter(revoked_at__isnull=self.value() == "no")
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys: made here, shown once, changed, revoked; never deleted, for uploads name theirs."""

    form = ApiKeyForm
    change_form_template = "admin/classifier/apikey/change_form.html"
    list_display = [
        *("name", "beginning", "owner", "may", "state"),
        *("uploads_today", "last_used_at", "expires_at"),
    ]
    list_filter = [RevokedFilter]
    list_select_related = ["owner"]
    search_fields = ["name", "prefix", "owner__username"]
    facts = ["owner", "name", "scopes", "expires_at", "daily_quota", "retention_days"]
    history = ["beginning", "state", "uploads_today", "uploads", "last_used_at", "created_at"]

    class Media:
        css = {"all": ["classifier/admin.css"]}

    def get_fields(self, request, key=None):
        if key:
            return [*self.facts, *self.history]
        return self.facts if request.user.is_superuser else self.facts[1:]

    def get_readonly_fields(self, request, key=None):
        return ["owner", *self.history] if key else []

    def get_queryset(self, request):
        """For superusers all, for others their own: a key acts with its owner's rights."""
        found = super().get_queryset(request)
        return found if request.user.is_superuser else found.filter(owner=request.user)

    def get_changeform_initial_data(self, request):
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def get_form(self, request, key=None, **kwargs):
        form = super().get_form(request, key, **kwargs)
        form.asker = request.user
        return form

    def has_change_permission(self, request, key=None):
        return super().has_change_permission(request, key) and not (key and key.revoked_at)

    def has_delete_permission(self, request, key=None):
        return False

    def save_model(self, request, key, form, change):
        if not change:
            key.shown_once = key.draw()
        super().save_model(request, key, form, change)

    def response_add(self, request, key, post_url_continue=None):
        """Show the key. It is in this page and nowhere else, so there is no redirect to it."""
        response = self._page(request, key, "made", f"{key.name}: the new key")
        add_never_cache_headers(response)
        return response

    def get_urls(self):
        revoke = self.admin_site.admin_view(self.revoke_view)
        name = "classifier_apikey_revoke"
        return [path("<int:pk>/revoke", revoke, name=name), *super().get_urls()]

    def revoke_view(self, request, pk):
        """Ask whether a key should end; then end it."""
        key = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, key, "revoke", f"Revoke {key.name}?")
        key.revoke()
        self.log_change(request, key, "Revoked it.")
        self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
        return redirect("admin:classifier_apikey_changelist")

    def _page(self, request, key, name, title):
        context = {"title": title, "opts": self.opts, "key": key}
        return TemplateResponse(
            request,
            f"admin/classifier/apikey/{name}.html",
            self.admin_site.each_context(request) | context,
        )

    @admin.display(description="begins with")
    def beginning(self, key):
        return key.beginning

    @admin.display(description="scopes")
    def may(self, key):
        return ", ".join(key.scopes)

    @admin.display(description="uploads today")
    def uploads_today(self, key):
        """Only those with a quota are counted."""
        return "-" if key.daily_quota is None else f"{key.counted_today} of {key.daily_quota}"

    @admin.display(description="its uploads")
    def uploads(self, key):
        address = reverse("admin:classifier_prediction_changelist")
        return format_html('<a href="{}?key={}">in the history</a>', address, key.pk)
