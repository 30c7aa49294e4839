from django.contrib import admin

from classifier.models import ModelVersion

from .evidence import Evidence


@admin.register(ModelVersion)
class ModelVersionAdmin(Evidence):
    list_display = ["name", "network", "test_accuracy", "created_at"]
    search_fields = ["name"]
    fields = ["name", "network", "test_accuracy", "keras_sha256", "created_at", "facts"]

    @admin.display(description="accuracy on MNIST's test images")
    def test_accuracy(self, version):
        accuracy = version.facts.get("metrics", {}).get("test_accuracy")
        return "" if accuracy is None else f"{accuracy:.2%}"
