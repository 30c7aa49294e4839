"""/api/v1/training-runs: what the admin's page and `train_model --corrections` do."""

from django.core.validators import RegexValidator
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.response import Response

from classifier import jobs, runs, tasks, training
from classifier.models import TrainingRun

from .access import MayTrain
from .base import ApiView, Conflict
from .fields import Number, Switch, Text
from .jobs import JobSerializer


class TrainingRunSerializer(JobSerializer):
    """A run as it is told; `version` is the name of what came of it."""

    start = serializers.SlugRelatedField("name", read_only=True, allow_null=True)
    version = serializers.SlugRelatedField("name", read_only=True, allow_null=True)
    heard_at = serializers.DateTimeField(
        source="last_heartbeat_at", read_only=True, allow_null=True
    )

    class Meta:
        model = TrainingRun
        fields = [
            "id",
            "name",
            "state",
            "reason",
            "start",
            "version",
            "plan",
            "progress",
            "log",
            "started_by",
            "created_at",
            "started_at",
            "heard_at",
            "finished_at",
        ]
        read_only_fields = fields


class NewRunSerializer(serializers.Serializer):
    """What a training may be asked for, as `training.begin` takes it."""

    name = Text(
        validators=[RegexValidator(training.NAME, "Expected a name of letters, digits and . _ -")],
        max_length=64,
        required=False,
    )
    corrections = Switch(default=True)
    start = Text(max_length=64, allow_blank=True, required=False)
    epochs = Number(min_value=1, max_value=1000, required=False)
    network = serializers.ChoiceField(training.NETWORKS, default="cnn")
    batch_size = Number(min_value=1, max_value=10_000, default=128)
    seed = Number(min_value=0, max_value=2**31, default=0)
    weight = Number(min_value=1, max_value=10_000, default=training.WEIGHT)
    notes = Text(max_length=2000, allow_blank=True, default="")


class TrainingView(ApiView):
    """What all of these addresses have in common."""

    permission_classes = [MayTrain]

    def told(self, run, status=200):
        run.refresh_from_db()
        return Response(TrainingRunSerializer(run).data, status)


class TrainingRunsView(TrainingView):
    """GET the runs, the newest first; POST to start one."""

    def get(self, request):
        rows = TrainingRun.objects.order_by("-id").select_related("start", "version", "started_by")
        return self.page(rows, lambda run: TrainingRunSerializer(run).data)

    def post(self, request):
        wanted = NewRunSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            run = training.begin(by=request.user, **wanted.validated_data)
        except (runs.RunInProgress, FileExistsError) as error:
            raise Conflict(str(error)) from error
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        tasks.send(run)
        return self.told(run, 201)


class TrainingRunView(TrainingView):
    """GET one run with its progress."""

    def get(self, request, pk):
        return self.told(get_object_or_404(TrainingRun, pk=pk))


class CancelView(TrainingView):
    """POST to end a run; it can be resumed."""

    def post(self, request, pk):
        run = get_object_or_404(TrainingRun, pk=pk)
        jobs.cancel(run, "Cancelled.")
        return self.told(run)


class ResumeView(TrainingView):
    """POST to go on with a run that failed or was cancelled."""

    def post(self, request, pk):
        try:
            run = runs.resume(get_object_or_404(TrainingRun, pk=pk))
        except (runs.RunInProgress, jobs.NotResumable) as error:
            raise Conflict(str(error)) from error
        tasks.send(run)
        return self.told(run)
