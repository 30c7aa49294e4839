"""/api/v1/corrections: what people said that pictures show."""

from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from classifier import review
from classifier.models import LABELS, NOT_A_DIGIT, Correction, Prediction

from .access import VIEW, MayRead, MayReview, is_staff_with
from .base import ApiView, Erased
from .fields import Number, Query, Text

LARGEST_ID = 2**63 - 1


class UnknownPrediction(APIException):
    status_code = 422
    default_code = "unknown_prediction"


class CorrectionSerializer(serializers.ModelSerializer):
    """A correction as it is told; labels are 0 to 9, or 10 for not a digit."""

    prediction = serializers.IntegerField(source="prediction_id")
    reviewer = serializers.SlugRelatedField("username", read_only=True)

    class Meta:
        model = Correction
        fields = ["id", "prediction", "reviewer", "from_label", "to_label", "note", "created_at"]
        read_only_fields = fields


class NewCorrectionSerializer(serializers.Serializer):
    """What a person says of a picture."""

    prediction = Number(min_value=1, max_value=LARGEST_ID)
    label = Number(
        min_value=0, max_value=len(LABELS) - 1, help_text=f"{NOT_A_DIGIT} is not a digit."
    )
    note = Text(max_length=200, allow_blank=True, default="")


class CorrectionFilters(Query):
    prediction = Number(
        min_value=1, max_value=LARGEST_ID, required=False, help_text="Only of this upload."
    )


class CorrectionsView(ApiView):
    """GET corrections, the newest first; POST one."""

    def get_permissions(self):
        return [MayReview() if self.request.method == "POST" else MayRead()]

    def get(self, request):
        rows = Correction.objects.filter(**CorrectionFilters.of(request.query_params))
        if not is_staff_with(VIEW, request.user):
            rows = rows.filter(prediction__key=request.auth)
        return self.page(
            rows.order_by("-id").select_related("reviewer"),
            lambda row: CorrectionSerializer(row).data,
        )

    def post(self, request):
        wanted = NewCorrectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        try:
            found = review.correct(said["prediction"], said["label"], request.user, said["note"])
        except Prediction.DoesNotExist as error:
            raise UnknownPrediction(f"There is no upload {said['prediction']}.") from error
        except review.Erased as error:
            raise Erased(str(error)) from error
        return Response(CorrectionSerializer(found).data, 201)
