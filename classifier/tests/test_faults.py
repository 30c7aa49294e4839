"""What a machine and a network do to a server, done to a real one.

Nothing that was answered is lost, nothing half-written stays, and what went wrong with a
resource is over when the resource is back. `make faults` kills fifty times.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from classifier import prune

from .archives import packed
from .hostile import encoded
from .load import Load, lost
from .server import Server, children, command_line
from .services import postgres
from .test_training_server import worker_of
from .wire import form, part, request, send, upload

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "5"))
SLOW_CLIENTS = 200
BATCHES = "/api/v1/batches"


@pytest.fixture(scope="module")
def pictures(request):
    """A small and a larger one: the second takes a while to write."""
    from conftest import DIGITS

    seven = (DIGITS / "7_paint.png").read_bytes()
    return [seven, seven + random.Random(0).randbytes(2_000_000)]


# Processes


def test_a_worker_that_crashes_is_replaced_however_often(tmp_path, sample):
    """As a picture would that crashes the native code which decodes it."""
    with Server(tmp_path) as server:
        for _ in range(3):
            before = server.worker_pids()
            os.kill(int(before[0]), signal.SIGSEGV)
            assert server.answer_again(sample("7_paint.png"))["digit"] == 7  # from the other one
            server.until(lambda before=before: len(set(server.worker_pids()) - set(before)) == 1)
        assert server.process.poll() is None


def test_a_killed_server_leaves_no_process_that_keeps_the_port(tmp_path, sample):
    with Server(tmp_path) as server:
        workers = server.worker_pids()
        server.process.kill()
        server.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    with Server(tmp_path) as again:
        assert again.answer(sample("7_paint.png"))["digit"] == 7


def test_a_killed_granian_leaves_no_worker_and_is_replaced(tmp_path, sample):
    with Server(tmp_path) as server:
        workers = server.worker_pids()
        (granian,) = [
            pid for pid in children(server.process.pid) if b"granian" in command_line(pid)
        ]
        os.kill(int(granian), signal.SIGKILL)
        server.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        assert server.answer_again(sample("7_paint.png"))["digit"] == 7


def test_nothing_answered_is_lost_when_workers_are_killed_under_load(tmp_path, pictures):
    with Server(tmp_path) as server:
        with Load(server.url, pictures) as load:
            for _ in range(KILLS):
                load.wait_for(20)
                os.kill(int(random.choice(server.worker_pids())), signal.SIGKILL)
            load.wait_for(20)
        assert lost(server, load.ids) == []
        assert set(load.others) <= {"broken connection"}
        assert_leftovers_are_found_and_removed(server)


def test_nothing_answered_is_lost_when_the_whole_server_is_killed_under_load(tmp_path, pictures):
    ids = []
    for _ in range(KILLS):
        with Server(tmp_path) as server:
            with Load(server.url, pictures) as load:
                load.wait_for(30)
                os.killpg(server.process.pid, signal.SIGKILL)
            ids += load.ids
    with Server(tmp_path) as server:
        assert lost(server, ids) == []
        assert_leftovers_are_found_and_removed(server)
        assert server.answer(pictures[0])["digit"] == 7


def assert_leftovers_are_found_and_removed(server):
    """Files without rows, of uploads that were going on: no more than those, and they can go."""
    strangers = set(server.files()) - set(server.rows())
    media = Path(server.environment["MEDIA_ROOT"])
    for path in media.rglob("*"):
        long_ago = time.time() - prune.AGE / timedelta(seconds=1) - 60
        os.utime(path, (long_ago, long_ago))
    shown = server.manage("prune_media", "--dry-run")
    assert {path for path in strangers if path in shown} == strangers
    server.manage("prune_media")
    assert sorted(server.files()) == sorted(server.rows())


def test_a_batch_whose_worker_is_killed_says_so_and_goes_on_where_it_was(tmp_path, sample):
    pictures = {f"{turn}.png": sample("6_tiny.png") for turn in range(400)}
    with Server(tmp_path, workers=1, options=()) as server:
        staff = server.sign_in("boss")
        zipped = {"data": packed(pictures), "headers": {"Content-Type": "application/zip"}}
        address = server.url + staff.post(f"{server.url}{BATCHES}", **zipped).headers["Location"]
        worker = worker_of(server, "default")
        server.until(lambda: staff.get(address).json()["done"] >= 16)
        os.kill(worker, signal.SIGKILL)
        server.until(lambda: staff.get(address).json()["state"] == "failed", 60)
        told = staff.get(address).json()
        assert "killed" in told["reason"]
        assert told["done"] == len(server.rows()) < len(pictures)
        assert staff.post(f"{address}/resume").status_code == 200
        server.until(lambda: staff.get(address).json()["state"] == "done", 120)
        lines = staff.get(f"{address}/result").text.splitlines()
        assert [json.loads(line)["index"] for line in lines] == list(range(len(pictures)))
        assert lost(server, []) == []
        assert_leftovers_are_found_and_removed(server)
        assert len(server.rows()) == len(pictures)


# Disks


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "8m"):
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("Mounting a small disk takes root, and a machine that lets it.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(disk: Path):
    filler = disk / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextlib.contextmanager
def read_only(disk: Path):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


@pytest.mark.parametrize("fault", [full, read_only])
def test_uploads_that_cannot_be_written_are_503_and_it_recovers_by_itself(tmp_path, fault):
    with small_disk(tmp_path / "media") as disk, Server(tmp_path, workers=1) as server:
        assert_503_while(server, fault(disk))


def test_rows_that_cannot_be_written_are_503_and_it_recovers_by_itself(tmp_path):
    with small_disk(tmp_path / "database") as disk:
        address = f"sqlite:///{disk}/db.sqlite3"
        with Server(tmp_path, workers=1, DATABASE_URL=address) as server:
            assert_503_while(server, full(disk))


def noisy_seven() -> bytes:
    """200 kB: more than what is left on a full disk."""
    from conftest import DIGITS

    seven = Image.open(DIGITS / "7_paint.png").convert("L").resize((600, 600))
    return encoded(Image.blend(seven, Image.effect_noise(seven.size, 30), 0.1), "PNG")


def assert_503_while(server: Server, fault) -> None:
    """An upload is kept before and after; in between it is refused and nothing of it stays."""
    content = upload(noisy_seven())
    assert send(server.port, content).status == 200
    with fault:
        before = server.files()
        for _ in range(3):
            assert_503(send(server.port, content))
        assert server.files() == before
    assert_recovers(server, content)
    assert lost(server, []) == []
    assert sorted(server.rows()) == sorted(each for each in server.files() if each != "filler")


def assert_recovers(server: Server, content: bytes) -> None:
    server.until(lambda: send(server.port, content).status == 200, 10)


def assert_503(answer) -> None:
    assert (answer.status, answer.body["code"]) == (503, "not_kept")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert re.fullmatch("[0-9a-f]{32}", answer.body["request_id"])


# Databases


def test_a_database_that_stays_locked_is_503_and_it_recovers(tmp_path, sample):
    with Server(tmp_path, workers=1) as server:
        content = upload(sample("7_paint.png"))
        other = sqlite3.connect(tmp_path / "db.sqlite3")
        other.execute("begin immediate")
        assert_503(send(server.port, content))
        other.rollback()
        assert_recovers(server, content)
        assert len(server.files()) == len(server.rows()) == 1


def test_a_database_file_that_goes_is_503_until_it_is_back(tmp_path, sample):
    with Server(tmp_path, workers=1) as server:
        content, database = upload(sample("7_paint.png")), tmp_path / "db.sqlite3"
        assert send(server.port, content).status == 200
        away = database.rename(tmp_path / "away")
        assert_503(send(server.port, content))
        away.rename(database)
        assert_recovers(server, content)
        assert lost(server, [1, 2]) == []
        assert len(server.files()) == len(server.rows()) == 2


@pytest.mark.parametrize("removed", [["-wal"], ["-wal", "-shm"]], ids="".join)
def test_nothing_answered_is_lost_when_files_beside_the_database_are_removed(
    tmp_path, pictures, removed
):
    with Server(tmp_path) as server:
        with Load(server.url, pictures[:1]) as load:
            for _ in range(KILLS):
                load.wait_for(20)
                for suffix in removed:
                    (tmp_path / f"db.sqlite3{suffix}").unlink(missing_ok=True)
            load.wait_for(20)
        assert set(load.others) <= {"not_kept"}
        assert lost(server, load.ids) == []
        assert server.execute("pragma integrity_check") == [("ok",)]


def test_a_postgres_that_goes_is_503_until_it_is_back(tmp_path, sample):
    import psycopg

    with postgres() as address, Server(tmp_path, DATABASE_URL=address) as server:
        content = upload(sample("7_paint.png"))
        elsewhere = address.rpartition("/")[0] + "/template1"
        with psycopg.connect(elsewhere, autocommit=True) as keeper:
            keeper.execute("alter database postgres allow_connections false")
            keeper.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'"
            )
            for _ in range(4):
                assert_503(send(server.port, content))
            assert server.files() == []
            keeper.execute("alter database postgres allow_connections true")
        server.until(lambda: {send(server.port, content).status for _ in range(4)} == {200}, 10)
        assert len(server.files()) == len(server.rows())


# Clients


def test_clients_that_send_a_byte_a_second_keep_nobody_waiting(tmp_path, sample):
    seven = sample("7_paint.png")
    whole = request(form(part(seven)))
    with Server(tmp_path) as server, contextlib.ExitStack() as slow:
        address = ("127.0.0.1", server.port)
        connections = [
            slow.enter_context(socket.create_connection(address, 60)) for _ in range(SLOW_CLIENTS)
        ]
        for connection in connections:
            connection.sendall(whole[:-8])
        over = threading.Event()

        def trickle():
            for position in range(len(whole) - 8, len(whole)):
                over.wait(1)
                for connection in connections:
                    connection.sendall(whole[position : position + 1])

        thread = threading.Thread(target=trickle)
        thread.start()
        with Load(server.url, [seven], clients=4) as load:
            time.sleep(5)
        assert load.longest_s < 3
        assert not load.others
        over.set()
        thread.join()
        answers = [connection.recv(12) for connection in connections]
    assert set(answers) <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}  # 503: all of them at one moment
    assert answers.count(b"HTTP/1.1 200") >= 64
    assert len(server.rows()) == len(load.ids) + answers.count(b"HTTP/1.1 200")


def test_clients_that_go_away_leave_nothing(tmp_path, sample):
    whole = request(form(part(sample("7_paint.png"))))
    with Server(tmp_path) as server:
        for cut in range(20, len(whole) - 4, len(whole) // 30):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(whole[:cut])
        assert server.answer(sample("7_paint.png"))["digit"] == 7
        assert len(server.files()) == len(server.rows()) == 1
        assert "ERROR" not in server.output()
        assert "Traceback" not in server.output()
