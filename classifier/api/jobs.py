"""What batches and trainings have in common in the API."""

from rest_framework import serializers

from classifier.models import Job


class JobSerializer(serializers.ModelSerializer):
    """A job as it is now: one whose worker is gone has failed, even before that is noted."""

    state = serializers.ChoiceField(Job.State.choices, source="shown_state", read_only=True)
    reason = serializers.CharField(source="shown_reason", read_only=True)
    started_by = serializers.SlugRelatedField("username", read_only=True, allow_null=True)
