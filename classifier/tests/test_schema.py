"""The API does what its schema says, tried by schemathesis with what the schema allows and not."""

import base64

import pytest
import schemathesis
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, strategies
from hypothesis import settings as tries

from classifier import batches, registry, review, runs

from .archives import packed

pytestmark = pytest.mark.django_db
DIGITS = settings.BASE_DIR / "fixtures" / "digits"
PICTURES = [path.read_bytes() for path in sorted(DIGITS.glob("*_tiny.png"))]
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
FEW = tries(max_examples=4, deadline=None, derandomize=True, suppress_health_check=QUIET)
MANY = tries(max_examples=100, deadline=None, suppress_health_check=QUIET)
# A schema cannot say whether bytes are a picture, or whether a row that is named is there.
CONFIG = {
    "checks": {
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "401", "403", "404", "409", "410", "413", "415", "422"]
        },
        "negative_data_rejection": {"expected-statuses": ["4xx", "503"]},
    }
}

schemathesis.openapi.format("binary", strategies.sampled_from(PICTURES))
schemathesis.openapi.format(
    "byte", strategies.sampled_from(PICTURES).map(lambda each: base64.b64encode(each).decode())
)
for kind in ("png", "jpeg", "webp", "bmp"):
    schemathesis.openapi.media_type(f"image/{kind}", strategies.sampled_from(PICTURES))
schemathesis.openapi.media_type(
    "application/zip", strategies.sampled_from([packed({"7.png": PICTURES[0]}), b"junk"])
)

schema = schemathesis.openapi.from_wsgi(
    "/api/v1/schema",
    get_wsgi_application(),
    config=schemathesis.Config.from_dict(CONFIG),
)


@pytest.fixture
def header(client, admin_user, bearer, sample):
    """Of a key that may do everything; there is one of each thing to be found."""
    client.generic("POST", "/api/v1/predictions", sample("7_paint.png"), "image/png")
    batches.begin(packed({"7.png": sample("0_tiny.png")}), started_by=admin_user)
    runs.create("net", plan={}, by=admin_user)
    review.correct(1, 7, admin_user)
    _, header = bearer("classify", "read", "review", "train", owner=admin_user)
    # As Django's client does: what a request closes would be the connection of this test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {"Authorization": header["HTTP_AUTHORIZATION"]}
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def asked(case):
    """The same request, in two of three cases about something that is there."""
    parameters = case.path_parameters
    if isinstance(parameters.get("id"), int) and parameters["id"] % 3:
        parameters["id"] = 1
    if len(str(parameters.get("name", ""))) % 3:
        parameters["name"] = registry.shipped_names()[0]
    return case


@schema.parametrize()
@FEW
def test_the_api_does_what_its_schema_says(case, header):
    asked(case).call_and_validate(headers=header)


@pytest.mark.slow
@schema.parametrize()
@MANY
def test_the_api_does_what_its_schema_says_at_length(case, header):
    asked(case).call_and_validate(headers=header)
