"""/api/v1/previews: read a picture and keep nothing, for a page that asks while one draws."""

from rest_framework.response import Response

from classifier import inference
from classifier.inference import data_address

from .access import AUTHENTICATION
from .serializers import explanation, reading
from .upload import posted
from .views import ClassifyView


class PreviewsView(ClassifyView):
    """Classify one uploaded digit and keep nothing: no file, no row.

    Beside what /mnist/classify says, `pixels` are the 28x28 that were read, as a PNG.
    """

    authentication_classes = AUTHENTICATION  # by session, too: staff draw where keys are required

    def post(self, request):
        image, model = posted(request)
        guess = inference.classify(image.content, model)
        body = reading(guess) | {"model": guess.version, "pixels": data_address(guess.pixels)}
        if request.GET.get("explain") == "1":
            body["explanation"] = explanation(image.content, guess)
        return Response(body)
