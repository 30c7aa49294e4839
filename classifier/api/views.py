import time

from django.http import HttpResponse
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from classifier import history, inference

from .access import MayClassify, OptionalKey
from .base import AlwaysJSON
from .serializers import answer, explanation
from .upload import posted

JSON = JSONRenderer()


class ClassifyView(APIView):
    """Classify one uploaded digit and keep the upload with its answer."""

    authentication_classes = [
        OptionalKey
    ]  # never the session: a staff cookie must not ask for CSRF here
    permission_classes = [MayClassify]
    parser_classes = [MultiPartParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    allowed_methods = ("POST", "OPTIONS")  # DRF would look for them in every request

    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        self.request.parser_context.clear()  # it holds its request: only a search would free both
        return response

    def post(self, request):
        started = time.perf_counter()
        asked = request._request
        image, model = posted(request)
        guess = inference.classify(image.content, model)
        kept = history.keep(
            image.content,
            guess,
            name=image.name,
            duration_us=round((time.perf_counter() - started) * 1e6),
            request_id=asked.id,
            key=request.auth,
        )
        body = answer(guess, kept)
        if asked.GET.get("explain") == "1":
            body["explanation"] = explanation(image.content, guess)
        return HttpResponse(JSON.render(body), content_type=JSON.media_type)
