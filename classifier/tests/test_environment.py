import pytest
from django.core.exceptions import ImproperlyConfigured

from mnistsite.environment import Environment
from mnistsite.secret_key import read_or_create


@pytest.fixture
def env(tmp_path):
    return Environment(tmp_path / ".env")


def test_a_file_adds_to_the_environment_but_does_not_overrule_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_A", "from the environment")
    monkeypatch.setenv("MNIST_B", "")
    monkeypatch.delenv("MNIST_B")
    (tmp_path / ".env").write_text("MNIST_A=from the file\nMNIST_B=from the file\n")
    env = Environment(tmp_path / ".env")
    assert (env.text("MNIST_A"), env.text("MNIST_B")) == ("from the environment", "from the file")


def test_names_that_come_from_the_file_are_known_also_in_a_process_that_inherited_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MNIST_A", "from the environment")
    monkeypatch.setenv("MNIST_B", "")
    monkeypatch.delenv("MNIST_B")
    (tmp_path / ".env").write_text("MNIST_A=from the file\nMNIST_B=from the file\n")
    for _ in ("first", "inherited"):
        assert Environment(tmp_path / ".env").from_file == {"MNIST_B"}


@pytest.mark.parametrize(("value", "on"), [("1", True), ("True", True), ("0", False), ("", False)])
def test_a_switch_is_on_or_off(env, monkeypatch, value, on):
    monkeypatch.setenv("SWITCH", value)
    assert env.switch("SWITCH") is on


def test_names_may_have_spaces_around_them(env, monkeypatch):
    monkeypatch.setenv("NAMES", " a.example, 127.0.0.1 ,")
    assert env.names("NAMES") == ["a.example", "127.0.0.1"]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda env: env.switch("SETTING"), "banana"),
        (lambda env: env.choice("SETTING", ["litert", "keras"]), "torch"),
        (lambda env: env.number("SETTING"), "0"),
        (lambda env: env.database("SETTING", "db.sqlite3"), "banana"),
        (lambda env: env.count("SETTING"), "-1"),
        (lambda env: env.rate("SETTING"), "0/minute"),
        (lambda env: env.rate("SETTING"), "10/fortnight"),
        (lambda env: env.cache("SETTING"), "memcached://host"),
        (lambda env: env.redis("SETTING"), "foo"),
    ],
    ids=["switch", "choice", "number", "database", "count", "no rate", "period", "cache", "redis"],
)
def test_nonsense_is_refused_by_name(env, monkeypatch, read, value):
    monkeypatch.setenv("SETTING", value)
    with pytest.raises(ImproperlyConfigured, match="SETTING"):
        read(env)


@pytest.mark.parametrize(
    ("value", "rate"), [("", None), ("10/second", (10, 1)), ("9000/day", (9000, 86400))]
)
def test_a_rate_is_a_count_and_seconds(env, monkeypatch, value, rate):
    monkeypatch.setenv("RATE", value)
    assert env.rate("RATE") == rate


def test_a_database_file_counts_from_the_projects_folder(env, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE", "sqlite:///own.sqlite3")
    assert env.database("DATABASE", "db.sqlite3")["NAME"] == str(tmp_path / "own.sqlite3")


def test_a_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        Environment(tmp_path / ".env")


def test_the_secret_key_is_made_once_and_private(tmp_path):
    path = tmp_path / "secret-key"
    key = read_or_create(path)
    assert len(key) >= 50
    assert read_or_create(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each for each in tmp_path.iterdir() if "secret" in each.name] == [path]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"], ids=["empty", "not text"])
def test_a_secret_key_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "secret-key").write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="secret-key"):
        read_or_create(tmp_path / "secret-key")
