"""/api/v1/training-runs: what the admin's page and `train_model --corrections` do."""

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier import runs, tasks, training
from classifier.models import TrainingRun
from classifier.registry import UnknownVersion

from .access import AUTHENTICATION, MayTrain


class Conflict(APIException):
    status_code = 409
    default_code = "conflict"


class TrainingRunSerializer(serializers.ModelSerializer):
    """A run as it is told; `version` is the name of what came of it."""

    start = serializers.SlugRelatedField("name", read_only=True)
    version = serializers.SlugRelatedField("name", read_only=True)
    started_by = serializers.SlugRelatedField("username", read_only=True)

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

    name = serializers.CharField(max_length=64, required=False)
    corrections = serializers.BooleanField(default=True)
    start = serializers.CharField(max_length=64, allow_blank=True, required=False)
    epochs = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    network = serializers.ChoiceField(training.NETWORKS, default="cnn")
    batch_size = serializers.IntegerField(min_value=1, max_value=10_000, default=128)
    seed = serializers.IntegerField(min_value=0, max_value=2**31, default=0)
    weight = serializers.IntegerField(min_value=1, max_value=10_000, default=training.WEIGHT)
    notes = serializers.CharField(max_length=2000, allow_blank=True, default="")


class TrainingView(APIView):
    """What all of these addresses have in common."""

    authentication_classes = AUTHENTICATION
    permission_classes = [MayTrain]
    parser_classes = [JSONParser, FormParser, MultiPartParser]

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        runs.fail_lost()

    def told(self, run, status=200):
        run.refresh_from_db()
        return Response(TrainingRunSerializer(run).data, status)


class TrainingRunsView(TrainingView):
    """GET the newest runs; POST to start one."""

    SHOWN = 50

    def get(self, request):
        found = TrainingRun.objects.select_related("start", "version", "started_by")
        return Response(TrainingRunSerializer(found[: self.SHOWN], many=True).data)

    def post(self, request):
        wanted = NewRunSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            run = training.begin(by=request.user, **wanted.validated_data)
        except (runs.RunInProgress, FileExistsError) as error:
            raise Conflict(str(error)) from error
        except (ValueError, UnknownVersion) as error:
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
        runs.cancel(run)
        return self.told(run)


class ResumeView(TrainingView):
    """POST to go on with a run that failed or was cancelled."""

    def post(self, request, pk):
        try:
            run = runs.reopen(get_object_or_404(TrainingRun, pk=pk))
        except (runs.RunInProgress, runs.NotResumable) as error:
            raise Conflict(str(error)) from error
        tasks.send(run)
        return self.told(run)
