"""/api/v1/previews: read a picture and keep nothing, for a page that asks while one draws."""

from rest_framework.response import Response

from classifier import inference
from classifier.inference import data_address

from .access import AUTHENTICATION
from .serializers import explanation, reading
from .upload import model_asked_for, one_image
from .views import ClassifyView


class PreviewsView(ClassifyView):
    """Classify one uploaded digit and keep nothing: no file, no row.

    Beside what /mnist/classify says, `pixels` are the 28x28 that were read, as a PNG.
    """

    authentication_classes = AUTHENTICATION  # by session, too: staff draw where keys are required

    def post(self, request):
        upload = one_image(request).read()
        guess = inference.classify(upload, model_asked_for(request))
        body = reading(guess) | {"model": guess.version, "pixels": data_address(guess.pixels)}
        if request.GET.get("explain") == "1":
            body["explanation"] = explanation(upload, guess)
        return Response(body)
