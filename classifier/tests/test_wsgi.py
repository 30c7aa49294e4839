"""The site under servers that speak WSGI, such as gunicorn."""

import os
import re
import subprocess
import sys

import pytest

from .server import ROOT
from .services import free_port, wait_for
from .wire import send, upload


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/mnist/classify", "/api/v1/predictions"])
@pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": ""}], ids=["no length", "empty"])
def test_a_chunked_body_without_its_length_is_refused(client, path, length):
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""} | length
    response = client.post(path, **chunked)
    assert (response.status_code, response.json()["code"]) == (411, "length_required")
    assert response.json()["request_id"] == response["X-Request-ID"]


@pytest.mark.django_db
def test_a_chunked_body_whose_length_the_server_says_is_read(post):
    assert post(HTTP_TRANSFER_ENCODING="chunked").json()["digit"] == 7


SERVERS = {
    "gunicorn": ["-m", "gunicorn", "mnistsite.wsgi", "--threads", "2", "--bind"],
    "runserver": ["manage.py", "runserver", "--noreload"],
}


@pytest.fixture(params=SERVERS)
def port(request, tmp_path):
    """The port of a WSGI server that serves the site, with a database and a folder of its own."""
    port = free_port()
    settings = {"DJANGO_SECRET_KEY": "only for this test", "MEDIA_ROOT": str(tmp_path / "media")}
    environment = os.environ | settings | {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    migrate = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    command = [sys.executable, *SERVERS[request.param], f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:
        try:
            wait_for(port, 60)
            yield port
        finally:
            server.terminate()


@pytest.mark.slow
def test_a_wsgi_server_serves_the_site_and_asks_for_the_length_of_a_body(port, sample):
    whole = upload(sample("7_paint.png"))
    assert send(port, whole).body["digit"] == 7
    head, _, body = whole.partition(b"\r\n\r\n")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    lengthless = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    told = send(port, lengthless + b"\r\n\r\n" + chunks)
    assert (told.status, told.body["code"]) == (411, "length_required")
    assert send(port, whole).body["digit"] == 7
