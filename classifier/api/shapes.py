"""The shapes of answers that are made without a serializer, for the schema alone."""

from rest_framework import serializers

from classifier.models import NOT_A_DIGIT, Prediction

REASONS = [reason for reason in Prediction.Reason.values if reason]


class ExplanationStep(serializers.Serializer):
    name = serializers.CharField(help_text="decoded first, framed last.")
    image = serializers.CharField(help_text="A PNG as a data: address.")


class Explanation(serializers.Serializer):
    """Why: each step to the 28x28, and what the answer rests on."""

    steps = ExplanationStep(many=True)
    occlusion = serializers.CharField(help_text="A PNG as a data: address.")


class Reading(serializers.Serializer):
    """What was read."""

    classification = serializers.RegexField("^[0-9]$", help_text="The digit as text.")
    digit = serializers.IntegerField(min_value=0, max_value=9)
    confidence = serializers.FloatField(
        min_value=0, max_value=1, help_text="The calibrated probability of the digit."
    )
    probabilities = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1), min_length=10, max_length=10
    )
    status = serializers.ChoiceField(["certain", "uncertain"])
    reason = serializers.ChoiceField(
        REASONS, allow_null=True, help_text="Why it is uncertain; null when it is certain."
    )


class Answer(Reading):
    """What was read, and what it is called in the history."""

    id = serializers.IntegerField(min_value=1)
    model = serializers.CharField(help_text="The version that answered.")
    created_at = serializers.DateTimeField()


class ExplainedAnswer(Answer):
    explanation = Explanation(required=False, help_text="Only with ?explain=1.")


class Preview(Reading):
    """What was read and is not kept."""

    model = serializers.CharField(help_text="The version that answered.")
    pixels = serializers.CharField(help_text="The 28x28 that were read, a PNG as data: address.")
    explanation = Explanation(required=False, help_text="Only with ?explain=1.")


class PredictionRecord(Answer):
    """An upload of the history. An erased one keeps its answer and its label."""

    label = serializers.IntegerField(
        min_value=0,
        max_value=NOT_A_DIGIT,
        allow_null=True,
        help_text=f"What a person said; {NOT_A_DIGIT} is not a digit, null not reviewed.",
    )
    original_name = serializers.CharField(allow_blank=True, max_length=255)
    format = serializers.ChoiceField(Prediction.Format.values)
    bytes = serializers.IntegerField(min_value=0)
    sha256 = serializers.RegexField("^[0-9a-f]{64}$", allow_null=True)
    request_id = serializers.CharField(allow_blank=True)
    erased_at = serializers.DateTimeField(allow_null=True)


class NewPrediction(PredictionRecord):
    explanation = Explanation(required=False, help_text="Only with ?explain=1.")


class Refusal(serializers.Serializer):
    """Why a picture was not read."""

    code = serializers.CharField()
    detail = serializers.CharField()


class Outcome(serializers.Serializer):
    """What came of one of many pictures: a prediction or an error."""

    index = serializers.IntegerField(min_value=0)
    name = serializers.CharField(allow_blank=True)
    prediction = PredictionRecord(allow_null=True)
    error = Refusal(allow_null=True)


class Outcomes(serializers.Serializer):
    results = Outcome(many=True)


class Problem(serializers.Serializer):
    """An error, as RFC 9457 has it; `code` is stable, `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField(min_value=400, max_value=599)
    code = serializers.CharField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    request_id = serializers.CharField()
    errors = serializers.DictField(required=False, help_text="What is wrong with which field.")
