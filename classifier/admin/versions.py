from django.contrib import admin

from classifier.models import ModelVersion

from .evidence import Evidence


@admin.register(ModelVersion)
class ModelVersionAdmin(Evidence):
    list_display = ["name", "network", "test_accuracy", "trained_at"]
    search_fields = ["name"]
    fields = ["name", "network", "test_accuracy", "keras_sha256", "trained_at", "facts"]

    @admin.display(description="accuracy on MNIST's test images")
    def test_accuracy(self, version):
        accuracy = version.facts.get("metrics", {}).get("test_accuracy")
        return "" if accuracy is None else f"{accuracy:.2%}"

    @admin.display(description="trained")
    def trained_at(self, version):
        return version.facts.get("created_at", "")[:16].replace("T", " ")
