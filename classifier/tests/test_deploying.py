"""What is deployed is what is here: Dockerfile, compose.yaml, and the processes they start."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from classifier.client import Client, ServiceError

from .server import ROOT
from .services import free_port, missing, postgres, redis

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SECRETS = {
    "SITE_NAME": "digits.example",
    "DJANGO_SECRET_KEY": "only for this test" * 3,
    "POSTGRES_PASSWORD": "only-for-this-test",
    "MNIST_METRICS_KEY": "metrics",
}
INSTALL_MEGABYTES = 420


def settings_of(service: str) -> dict[str, str]:
    """A service's environment, with the secrets put in."""
    found = COMPOSE["services"][service]["environment"]
    return {
        name: re.sub(r"\$\{(\w+):\?\}", lambda match: SECRETS[match[1]], value)
        for name, value in found.items()
    }


def commands() -> list[list[str]]:
    """Every command of manage.py in compose.yaml and the Dockerfile."""
    found = [each.get("command") for each in COMPOSE["services"].values()]
    found += [yaml.safe_load(each) for each in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)]
    return [each[2:] for each in found if each and each[:2] == ["python", "manage.py"]]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_command_exists_and_takes_its_options(command):
    name, *options = command
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.parse_args(options)


def test_each_path_that_is_copied_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert len(paths) >= 8
    for path in paths:
        assert (ROOT / path).exists()
        kept = "requirements*.txt" if path.startswith("requirements") else path
        assert f"!{kept}" in ignored


def test_each_target_and_file_that_compose_names_exists():
    targets = re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)
    for service in COMPOSE["services"].values():
        assert service.get("build", {}).get("target", "serving") in targets
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_each_queue_has_a_worker_in_compose():
    worked = [each.get("command", [])[2:] for each in COMPOSE["services"].values()]
    queues = [command[2:] for command in worked if command[:2] == ["work", "--queue"]]
    assert sorted(queues) == [[name] for name in settings.TASK_QUEUES]


def test_no_image_runs_as_root_and_serving_has_no_tensorflow():
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)[-1] == "digits"
    serving = DOCKERFILE.split("AS worker")[0]
    assert "-r requirements.txt" not in serving
    listed = (ROOT / "requirements-serving.txt").read_text() + (
        ROOT / "requirements-scale.txt"
    ).read_text()
    assert not re.search(r"^(tensorflow|keras)\b", listed, re.MULTILINE)


def test_every_secret_is_asked_for_and_none_is_written_down():
    text = (ROOT / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == set(SECRETS)
    assert not re.search(r"(SECRET|PASSWORD|KEY)\w*: (?!\$\{)", text)


def test_settings_of_compose_pass_the_deployment_checks():
    environment = os.environ | settings_of("web") | {"DJANGO_SECRET_KEY": os.urandom(40).hex()}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Site(NamedTuple):
    """The site of compose.yaml: its web processes, where they listen, and Caddy before them."""

    webs: list[subprocess.Popen]
    urls: list[str]
    front: str
    certificate: Path


@pytest.fixture
def site(tmp_path):
    """The processes of compose.yaml, on this machine."""
    with postgres() as database, redis() as queue, contextlib.ExitStack() as stack:
        places = {"DATABASE_URL": database, "MEDIA_ROOT": str(tmp_path / "media")}
        places |= {"TASKS_REDIS_URL": queue, "CACHE_URL": queue.removesuffix("0") + "1"}
        log = stack.enter_context(open(tmp_path / "log", "a+"))

        def command_of(service, **changed):
            command = [sys.executable, *COMPOSE["services"][service]["command"][1:]]
            for option, value in changed.items():
                command[command.index(f"--{option}") + 1] = value
            environment = os.environ | settings_of(service) | places
            return {"args": command, "cwd": ROOT, "env": environment, "stdout": log, "stderr": log}

        subprocess.run(**command_of("prepare"), check=True)
        webs, urls = [], []
        for _ in range(COMPOSE["services"]["web"]["deploy"]["replicas"]):
            port = str(free_port())
            web = subprocess.Popen(**command_of("web", host="127.0.0.1", port=port))
            stack.callback(web.wait)
            stack.callback(web.terminate)
            webs.append(web)
            urls.append(f"http://127.0.0.1:{port}")
        for service in ("worker", "trainer"):
            worker = subprocess.Popen(**command_of(service))
            stack.callback(worker.wait)
            stack.callback(worker.kill)
        front = stack.enter_context(caddy(tmp_path, urls))
        certificate = tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        yield Site(webs, urls, front, certificate)


@contextlib.contextmanager
def caddy(folder, urls):
    """Caddy with deploy/Caddyfile, before these processes instead of the containers."""
    if not shutil.which("caddy"):
        missing("Caddy")
    upstreams = "\n".join(f"to {url.removeprefix('http://')}" for url in urls)
    dynamic = re.compile(r"dynamic a \{.+?\}", re.DOTALL)
    text, found = dynamic.subn(upstreams, (ROOT / "deploy" / "Caddyfile").read_text())
    assert found == 1
    for_here = f"{{\nadmin off\nskip_install_trust\nhttp_port {free_port()}\n}}\n"
    (folder / "Caddyfile").write_text(for_here + text)
    name = f"localhost:{free_port()}"
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    homes = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    environment = os.environ | homes | {"SITE_NAME": name}
    with open(folder / "caddy.log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield f"https://{name}"
        finally:
            process.terminate()
            process.wait()


def eventually(found, seconds=30):
    """What a function finds once it finds something and does not fail."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ServiceError, requests.RequestException):
            if what := found():
                return what
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_the_processes_of_compose_serve_one_site(site, sample):
    for url in site.urls:
        assert eventually(lambda url=url: requests.get(f"{url}/readyz").status_code == 200)
    proxied = {"Host": "digits.example", "X-Forwarded-Proto": "https"}
    picture = {"image": ("7.png", sample("7_paint.png"))}
    answers = [
        requests.post(f"{url}/mnist/classify", files=picture, headers=proxied).json()
        for url in site.urls
    ]
    assert [each["digit"] for each in answers] == [7, 7]
    assert answers[0]["id"] != answers[1]["id"]
    redirected = requests.get(f"{site.urls[0]}/admin/", allow_redirects=False)
    assert redirected.headers["Location"].startswith("https://")
    metrics = f"{site.urls[0]}/metrics"
    assert requests.get(metrics).status_code == 401
    bearer = {"Authorization": "Bearer metrics"}
    reviews = "mnist_reviews_waiting 2.0"  # collected once a second
    assert eventually(lambda: reviews in requests.get(metrics, headers=bearer).text)
    through_caddy(site, picture)


def through_caddy(site, picture):
    """The same behind TLS; one of the web processes may end, and what is too long is refused."""
    session = requests.Session()
    session.trust_env = False  # or REQUESTS_CA_BUNDLE would be believed instead
    session.verify = str(site.certificate)
    eventually(lambda: session.get(f"{site.front}/readyz").status_code == 200)
    address = f"{site.front}/mnist/classify"
    answer = session.post(address, files=picture)
    assert answer.json()["digit"] == 7
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert session.get(f"{site.front}/admin/login/").status_code == 200
    too_large = session.post(address, data=bytes(71_000_000))
    assert too_large.json()["code"] == "too_large"
    assert too_large.status_code in (413, 404)  # Caddy's after 70 MB, or the service's after 64
    site.webs[0].terminate()
    site.webs[0].wait()
    answers = [session.get(f"{site.front}/readyz") for _ in range(10)]
    assert [each.status_code for each in answers] == [200] * 10
    again = eventually(lambda: told_to_try_again_or_answered(session.post(address, files=picture)))
    assert again["digit"] == 7
    site.webs[1].terminate()
    site.webs[1].wait()
    gone = session.post(address, files=picture)
    assert (gone.status_code, gone.json()["code"]) == (503, "unavailable")
    assert gone.headers["Retry-After"]


def told_to_try_again_or_answered(response) -> dict | None:
    """The answer; None of an upload that met the process that ended, and is told to come back."""
    if response.status_code == 503:
        assert response.headers["Retry-After"]
        return None
    return response.json()


@pytest.mark.slow
def test_a_serving_install_is_small_and_serves(tmp_path, sample):
    """The venv of docs/deploying.md, once it has answered; and that nothing else is needed."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--no-compile", "-q"]
    done = subprocess.run([*install, "-r", "requirements-serving.txt"], cwd=ROOT)
    if done.returncode:
        missing("A package index that pip can reach")
    port, settings = str(free_port()), {"DJANGO_SECRET_KEY": "only for this test"}
    settings |= {"MEDIA_ROOT": f"{tmp_path}/m", "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    command = [python, "manage.py", "serve", "--prepare", "--no-worker", "--workers", "1"]
    environment = os.environ | settings
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is imported is compiled, and counts
    server = subprocess.Popen([*command, "--port", port], cwd=ROOT, env=environment)
    try:
        client = Client(f"http://127.0.0.1:{port}")
        answer = eventually(lambda: client.classify(sample("7_paint.png"), "7.png"))
    finally:
        server.terminate()
        server.wait()
    assert answer["digit"] == 7
    size = subprocess.run(["du", "-sm", tmp_path / "venv"], capture_output=True, text=True)
    assert int(size.stdout.split()[0]) < INSTALL_MEGABYTES
    elsewhere = environment | {"DATABASE_URL": "postgres://user:password@host/name"}
    check = [python, "manage.py", "check"]
    refused = subprocess.run(check, cwd=ROOT, env=elsewhere, capture_output=True, text=True)
    assert "DATABASE_URL needs: pip install -r requirements-scale.txt" in refused.stderr
