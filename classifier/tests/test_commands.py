import io
import json
import os
import shutil
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from classifier import accounts, inference, registry
from classifier.models import Prediction

from .load import lost
from .server import Server

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "fixtures" / "digits"


def run(*arguments, **options):
    """A command's standard output."""
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_classify_prints_a_row_for_each_picture():
    lines = run("classify", DIGITS / "7_paint.png", DIGITS / "3_paint.png").splitlines()
    assert [line.split()[1] for line in lines] == ["7", "3"]


def test_classify_prints_json_lines_also_for_a_refusal(tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    shutil.copy(DIGITS / "7_paint.png", tmp_path)
    rows = [json.loads(line) for line in run("classify", tmp_path, "--json").splitlines()]
    assert rows[0]["digit"] == 7
    assert set(rows[0]) == {"path", "digit", "confidence", "status"}
    assert rows[1] == {
        "path": str(tmp_path / "note.txt"),
        "code": "not_an_image",
        "detail": rows[1]["detail"],
    }


def test_classify_looks_below_folders_and_refuses_large_files(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "large.png").write_bytes(bytes(16 * 1024 * 1024 + 1))
    assert json.loads(run("classify", tmp_path, "--json"))["code"] == "too_large"


def test_classify_goes_on_after_a_path_that_does_not_exist():
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 2") as caught:
        call_command(
            "classify", "/no/such", DIGITS / "7_paint.png", stdout=out, stderr=io.StringIO()
        )
    assert caught.value.returncode == 1
    assert "7_paint.png" in out.getvalue()


def test_classify_keeps_nothing_unless_asked(db, files):
    run("classify", DIGITS / "7_paint.png")
    assert not Prediction.objects.exists()
    run("classify", DIGITS / "7_paint.png", "--keep")
    assert Prediction.objects.get().original_name == "7_paint.png"
    assert len(files()) == 1


def test_classify_shares_a_folder_between_processes_and_tells_the_same():
    alone = run("classify", DIGITS, "--json", processes=1)
    assert run("classify", DIGITS, "--json", processes=3) == alone
    assert [json.loads(line)["path"] for line in alone.splitlines()] == [
        str(path) for path in sorted(DIGITS.iterdir())
    ]


def test_classify_tells_from_another_process_what_it_could_not_read(tmp_path):
    for number in range(40):
        (tmp_path / f"{number:02}.png").write_bytes(b"hello")
    (tmp_path / "20.png").unlink()
    lines = run("classify", *sorted(tmp_path.iterdir()), "--json", processes=2).splitlines()
    assert {json.loads(line)["code"] for line in lines} == {"not_an_image"}
    with pytest.raises(CommandError, match="1 of 40 got no answer"):
        run("classify", tmp_path, tmp_path / "none.png", processes=2)


def test_classify_ends_when_another_process_has_no_network(monkeypatch):
    def not_ready(uploads):
        raise inference.NotReady("There is none.")

    monkeypatch.setattr(inference, "classify_many", not_ready)
    with pytest.raises(CommandError, match="There is none") as caught:
        run("classify", DIGITS, processes=2)
    assert caught.value.returncode == 2


def test_classify_keeps_from_several_processes_what_they_read(tmp_path):
    site = Server(tmp_path)
    site.manage("migrate")
    told = site.manage("classify", str(DIGITS), "--keep", "--processes", "3").splitlines()
    ((count, kept),) = site.execute(
        "select count(*), sum(digit * size) from classifier_prediction where upload <> ''"
    )
    sizes = [Path(line.split()[0]).stat().st_size * int(line.split()[1]) for line in told]
    assert (count, kept) == (len(told), sum(sizes))
    assert not lost(site, [])


def test_classify_in_processes_ends_when_the_command_is_killed(tmp_path):
    for number in range(3000):
        (tmp_path / f"{number}.jpg").symlink_to(DIGITS / "2_phone.jpg")
    command = [sys.executable, "manage.py", "classify", tmp_path, "--processes", "2"]
    told = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told.stdout.readline()
    told.kill()
    told.communicate(timeout=10)  # until nobody has the other end of the pipes


def test_classify_asks_a_running_service(live_server):
    row = json.loads(run("classify", DIGITS / "7_paint.png", "--json", "--url", live_server.url))
    assert (row["digit"], row["status"]) == (7, "certain")
    assert Prediction.objects.count() == 1


def test_classify_says_when_the_service_is_not_there(capsys):
    with pytest.raises(CommandError, match="1 of 1 got no answer"):
        call_command("classify", DIGITS / "7_paint.png", "--url", "http://127.0.0.1:9")
    assert "7_paint.png: http://127.0.0.1:9 did not answer" in capsys.readouterr().err


def test_classify_gives_up_on_a_service_that_stays_away(capsys):
    with pytest.raises(CommandError, match="5 pictures in a row") as caught:
        call_command("classify", DIGITS, "--url", "http://127.0.0.1:9")
    assert caught.value.returncode == 2
    assert capsys.readouterr().err.count("did not answer") == 5


def test_classify_goes_on_after_a_broken_connection(live_server, monkeypatch, capsys):
    send, broken = HTTPConnection.request, [ConnectionResetError("reset")]

    def request(self, *args, **kwargs):
        if broken:
            raise broken.pop()
        send(self, *args, **kwargs)

    monkeypatch.setattr(HTTPConnection, "request", request)
    files = [DIGITS / "7_paint.png", DIGITS / "3_paint.png"]
    with pytest.raises(CommandError, match="1 of 2 got no answer"):
        call_command("classify", *files, "--url", live_server.url)
    said = capsys.readouterr()
    assert "7_paint.png: " in said.err
    assert "3_paint.png  3" in said.out


def test_classify_refuses_to_keep_what_a_service_reads():
    with pytest.raises(CommandError, match="--keep does not go with --url"):
        run("classify", DIGITS / "7_paint.png", "--keep", "--url", "http://127.0.0.1:9")


def test_classify_sends_its_key_and_stops_when_it_is_no_good(
    live_server, settings, bearer, monkeypatch
):
    settings.MNIST_REQUIRE_KEY = True
    with pytest.raises(CommandError, match="not_authenticated") as caught:
        run("classify", DIGITS, "--url", live_server.url)
    assert caught.value.returncode == 2
    key, header = bearer("classify")
    monkeypatch.setenv("MNIST_API_KEY", header["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    run("classify", DIGITS / "7_paint.png", "--url", live_server.url)
    assert Prediction.objects.get().key == key


def test_load_demo_fills_the_history_once(db):
    assert "Added 96 of 96" in run("load_demo")
    assert "Added 0 of 96" in run("load_demo")
    assert Prediction.objects.count() == 96


def test_the_sample_pictures_are_read_as_what_they_show():
    rows = [json.loads(line) for line in run("classify", DIGITS, "--json").splitlines()]
    right = [Path(row["path"]).name[0] == str(row.get("digit")) for row in rows]
    assert sum(right) >= 66


@pytest.fixture
def arrays(tmp_path):
    """Thirty 28x28 pictures of a nine in bright ink; one is labelled 1."""
    pixels = inference.predictor().read((DIGITS / "9_tiny.png").read_bytes()).pixels
    path = tmp_path / "nines.npz"
    np.savez(path, x_test=np.repeat(pixels[None], 30, 0), y_test=np.array([9] * 29 + [1]))
    return path


def test_evaluate_model_reports_only_the_sets_it_is_given(arrays):
    report = json.loads(run("evaluate_model", "--data", arrays, "--json"))
    assert report["model"] == registry.active().name
    assert [each["name"] for each in report["sets"]] == ["nines.npz"]
    assert report["sets"][0]["images"] == 30
    assert report["sets"][0]["accuracy"] == pytest.approx(29 / 30, abs=1e-6)


def test_evaluate_model_reads_arrays_as_uploads_and_with_dark_ink(arrays, tmp_path):
    with np.load(arrays) as file:
        np.savez(tmp_path / "dark.npz", x=255 - file["x_test"], y=file["y_test"])
    for options in (["--data", arrays, "--as-uploads"], ["--data", tmp_path / "dark.npz"]):
        report = json.loads(run("evaluate_model", *options, "--json"))
        assert report["sets"][0]["accuracy"] == pytest.approx(29 / 30, abs=1e-6)


def test_evaluate_model_measures_both_ways_where_there_are_two(arrays, tmp_path):
    with np.load(arrays) as file:
        np.savez(tmp_path / "dark.npz", x=255 - file["x_test"], y=file["y_test"])
    data = ["--data", arrays, "--data", tmp_path / "dark.npz"]
    report = json.loads(run("evaluate_model", *data, "--also-as-uploads", "--json"))
    names = [each["name"] for each in report["sets"]]
    assert names == ["nines.npz", "nines.npz as uploads", "dark.npz"]


def test_evaluate_model_writes_a_report(arrays, tmp_path):
    run("evaluate_model", "--data", arrays, "--report", tmp_path / "report")
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.html", "report.json"}


def test_evaluate_model_counts_a_refused_picture_as_wrong(tmp_path):
    (tmp_path / "7").mkdir()
    shutil.copy(DIGITS / "7_paint.png", tmp_path / "7" / "picture.png")
    (tmp_path / "3_broken.png").write_bytes(b"nothing")
    (tmp_path / "unlabelled.png").write_bytes(b"nothing")
    figures = json.loads(run("evaluate_model", "--images", tmp_path, "--json"))["sets"][0]
    assert (figures["images"], figures["refused"], figures["accuracy"]) == (2, 1, 0.5)


def test_evaluate_model_says_what_it_cannot_read(tmp_path):
    (tmp_path / "x.npz").write_text("no arrays")
    for options in (["--data", tmp_path / "x.npz"], ["--images", tmp_path / "no"], []):
        with pytest.raises(CommandError):
            run("evaluate_model", *options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--filename", "net.h5"], "saved as a .keras file"),
        (["--filename", "../net"], "Expected a name"),
        (["--data", "/no/such.npz"], "No such file"),
        (["--resume"], "Name the training"),
    ],
)
def test_train_model_explains_what_is_wrong_before_it_starts(options, words):
    with pytest.raises(CommandError, match=words):
        run("train_model", *options)


def test_train_model_refuses_a_name_that_is_taken():
    for name in (registry.active().name, registry.active().name + ".keras"):
        with pytest.raises(CommandError, match="already"):
            run("train_model", "--filename", name)


def test_the_first_account_gets_a_password_that_works_and_only_once(db, client):
    name, password = accounts.create_first()
    client.post("/admin/login/", {"username": name, "password": password})
    assert client.get("/admin/").status_code == 200
    assert accounts.create_first() is None


def test_serve_says_that_the_port_is_taken(live_server):
    port = int(live_server.url.rsplit(":", 1)[1])
    with pytest.raises(CommandError, match="Cannot listen"):
        run("serve", "--host", live_server.thread.host, "--port", str(port))


@pytest.mark.parametrize("command", ["check", "train_model --help", "migrate --help"])
def test_commands_that_do_not_train_import_no_tensorflow(command):
    code = (
        "import sys; sys.argv = ['manage.py', *sys.argv[1:]]\n"
        "from django.core.management import execute_from_command_line as run\n"
        "try: run(sys.argv)\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'ai_edge_litert'} & sys.modules.keys()"
    )
    root = Path(__file__).parents[2]
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "mnistsite.settings"}
    subprocess.run([sys.executable, "-c", code, *command.split()], check=True, cwd=root, env=env)


def test_list_models_shows_each_version_and_which_is_active(version):
    registry.active()
    version("newer")
    lines = run("list_models").splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["candidate", "newer"],
        ["active", registry.active().name],
    ]
    assert json.loads(run("list_models", "--json").splitlines()[0])["name"] == "newer"


def test_activate_model_promotes_and_goes_back(version):
    first = registry.active().name
    version("newer")
    assert f"newer is active instead of {first}" in run("activate_model", "newer")
    run("activate_model", f"{first}.keras")
    assert registry.active().name == first


def test_activate_model_obeys_the_gate_unless_overruled(version):
    registry.active()
    version("worse", metrics={"test_accuracy": 0.9})
    with pytest.raises(CommandError, match="--overrule REASON"):
        run("activate_model", "worse")
    assert "WORSE" in run("activate_model", "worse", "--overrule", "to try it")


def test_activate_model_refuses_an_unknown_and_a_damaged_version(version, media):
    version("newer")
    (media / "models" / "newer.tflite").unlink()
    for name, words in (("nowhere", "no version"), ("newer", "is missing")):
        with pytest.raises(CommandError, match=words):
            run("activate_model", name)


def test_evaluate_model_refuses_an_unknown_version(tmp_path):
    with pytest.raises(CommandError, match="no version 'nowhere'"):
        run("evaluate_model", "--images", tmp_path, "--model", "nowhere")


def test_list_models_has_nothing_to_say_of_a_site_without_any(settings, tmp_path):
    settings.BASE_DIR = tmp_path  # with nothing in ml/weights
    assert run("list_models") == ""
