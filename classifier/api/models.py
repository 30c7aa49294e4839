"""/api/v1/models: the versions, and which one answers."""

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.response import Response

from classifier import gate, inference
from classifier.models import ModelVersion

from .access import MayRead, is_staff_with
from .base import ApiView, Conflict
from .fields import Text

OVERRULE = "classifier.overrule"


class MayPromote(BasePermission):
    """Staff with the permission `promote`, in person: no key can do this."""

    def has_permission(self, request, view):
        return not request.auth and is_staff_with("classifier.promote", request.user)


class HeldBack(Conflict):
    default_code = "held_back"


class Damaged(Conflict):
    default_code = "damaged"


class ModelSerializer(serializers.ModelSerializer):
    """A version as it is told; `gate` is its last comparison with the one that answered."""

    parent = serializers.SlugRelatedField("name", read_only=True, allow_null=True)
    metrics = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = [
            *("name", "state", "network", "shipped", "parent", "metrics", "gate"),
            *("notes", "problem", "created_at", "keras_sha256", "tflite_sha256"),
        ]
        read_only_fields = fields

    def get_metrics(self, version) -> dict[str, float]:
        """Figures only, not which pictures were read wrong."""
        return {name: value for name, value in version.metrics.items() if is_figure(value)}


def is_figure(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class ActivationSerializer(serializers.Serializer):
    overrule = Text(
        max_length=2000,
        required=False,
        help_text="Why it shall answer though the gate holds it back; kept with the promotion.",
    )


class ModelsView(ApiView):
    """GET the versions, the newest first."""

    permission_classes = [MayRead]

    def get(self, request):
        rows = ModelVersion.objects.order_by("-id").select_related("parent")
        return self.page(rows, lambda row: ModelSerializer(row).data)


class ModelView(ApiView):
    """GET one version."""

    permission_classes = [MayRead]

    def get(self, request, name):
        return Response(ModelSerializer(found(name)).data)


class ActivateView(ApiView):
    """POST to let a version answer, if the gate lets it pass."""

    permission_classes = [MayPromote]

    def post(self, request, name):
        wanted = ActivationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        reason = wanted.validated_data.get("overrule", "")
        if reason and not request.user.has_perm(OVERRULE):
            raise PermissionDenied("Only staff with the permission 'overrule' may do this.")
        version = found(name)
        try:
            gate.promote(version, request.user, reason)
        except gate.HeldBack as error:
            raise HeldBack(str(error)) from error
        except inference.NotReady as error:
            raise Damaged(str(error)) from error
        return Response(ModelSerializer(found(name)).data)


def found(name: str) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.select_related("parent"), name=name)
