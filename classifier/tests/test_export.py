import csv
import io
import json
import tracemalloc
import zipfile

import pytest
from django.core.management import CommandError, call_command

from classifier import export, review
from classifier.models import NOT_A_DIGIT, Prediction

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/prediction/"


@pytest.fixture
def ann(person):
    return person("ann", "Reviewers")


def whole(format, rows=None):
    """A format's file of all rows, or of some."""
    rows = export.predictions(Prediction.objects.all()) if rows is None else rows
    return b"".join(export.FORMATS[format].pieces(rows))


def table(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_a_row_is_told_in_full(post, ann):
    pk = post("7_paint.png", name="seven.png").json()["id"]
    review.correct(pk, 1, ann)
    row = table(whole("csv"))[0]
    assert (row["id"], row["digit"], row["label"]) == (str(pk), "7", "1")
    assert (row["original_name"], row["status"], row["format"]) == ("seven.png", "certain", "PNG")
    assert float(row["probability_7"]) == pytest.approx(float(row["confidence"]), abs=1e-6)


def test_json_lines_and_csv_tell_the_same(add):
    add(digit=3, original_name='Ä, "three".png')
    from_json, from_csv = json.loads(whole("jsonl")), table(whole("csv"))[0]
    for field in export.FIELDS[:-1]:
        assert str(from_json[field]) == from_csv[field]


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_no_name_is_a_formula(add, start):
    add(original_name=f"{start}cmd|' /C calc'!A0")
    assert table(whole("csv"))[0]["original_name"].startswith(f"'{start}cmd")


@pytest.mark.parametrize("separator", list(";\t,"))
@pytest.mark.parametrize(
    "name",
    [
        "x;=HYPERLINK(1).png",
        "x,=1+1.png",
        "a;b; +1;-2;@SUM(1).png",
        'x;"=1+1".png',
        "x;＝1+1.png",  # noqa: RUF001 - Excel takes it for the narrow one
        "x\t=1+1.png",
        "x\n=1+1.png",
    ],
)
def test_no_name_is_a_formula_wherever_a_spreadsheet_splits_the_line(name, separator):
    line = export.csv_line([1, name, 0.5]).decode()
    cells = [cell for row in csv.reader(io.StringIO(line), delimiter=separator) for cell in row]
    assert not [cell for cell in cells if cell.strip()[:1] in [*"=+-@＝"]]  # noqa: RUF001


@pytest.mark.parametrize(
    "name", ["7.png", "scan, 3 - 4; page=2.png", "a+b@c=d.png", "it's 5 o'clock.png", "Ä; ß.png"]
)
def test_a_harmless_name_stays_as_it_is(name):
    (cells,) = csv.reader(io.StringIO(export.csv_line([name, -0.5]).decode()))
    assert cells == [name, "-0.5"]


def test_pictures_lie_in_folders_by_label_as_they_were_sent(post, ann, sample):
    pks = [post(name).json()["id"] for name in ("7_paint.png", "3_phone.jpg", "0_scan.bmp")]
    review.correct(pks[0], 1, ann)
    review.correct(pks[1], NOT_A_DIGIT, ann)
    with zipfile.ZipFile(io.BytesIO(whole("zip"))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"1/{pks[0]}.png",
            f"not_a_digit/{pks[1]}.jpg",
            f"not_reviewed/{pks[2]}.bmp",
        ]
        assert archive.read(f"1/{pks[0]}.png") == sample("7_paint.png")


def test_a_file_that_is_gone_is_named_and_the_rest_is_exported(post, add):
    gone, kept = add(), post("7_paint.png").json()["id"]
    with zipfile.ZipFile(io.BytesIO(whole("zip"))) as archive:
        assert archive.namelist() == [f"not_reviewed/{kept}.png", "missing.txt"]
        assert archive.read("missing.txt").decode() == f"{gone.pk}\n"


def test_rows_come_in_batches_oldest_first(add, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "BATCH", 2)
    pks = [add().pk for _ in range(5)]
    with django_assert_num_queries(7):
        assert [each.pk for each in export.predictions(Prediction.objects.all())] == pks


@pytest.mark.parametrize("format", export.FORMATS)
def test_memory_does_not_grow_with_what_is_exported(post, format):
    post("7_paint.png")
    row = Prediction.objects.select_related("version").get()

    def rows(count):
        for row.pk in range(count):
            yield row

    def peak(count):
        tracemalloc.start()
        for _ in export.FORMATS[format].pieces(rows(count)):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(400) - peak(40) < 400 * 1024  # of more than 10 MB, as a ZIP


# From the list


def act(client, action, query="", **chosen):
    response = client.post(f"{LIST}{query}", {"action": action, **chosen})
    return response, b"".join(response.streaming_content)


def test_selected_rows_are_exported_from_the_list(admin_client, add):
    chosen, _ = add(), add()
    response, content = act(admin_client, "export_csv", _selected_action=[chosen.pk])
    assert response["Content-Disposition"] == 'attachment; filename="history.csv"'
    assert [row["id"] for row in table(content)] == [str(chosen.pk)]


def test_all_that_the_list_is_filtered_to_is_exported(admin_client, add):
    pks = [add(digit=digit).pk for digit in (1, 7, 7)]
    chosen = {"_selected_action": pks[1], "select_across": "1"}
    _, content = act(admin_client, "export_jsonl", "?digit=7", **chosen)
    assert [json.loads(line)["id"] for line in content.splitlines()] == pks[1:]


def test_viewers_may_export_and_others_not(client, person, add):
    picture = add()
    content = {"action": "export_csv", "_selected_action": [picture.pk]}
    client.force_login(person("clerk"))
    assert client.post(LIST, content).status_code == 403
    client.force_login(person("viewer", "Viewers"))
    assert client.post(LIST, content).status_code == 200


# By command


def run(*arguments, **options):
    out = io.StringIO()
    call_command("export_history", *arguments, stdout=out, **options)
    return out.getvalue()


def test_the_command_writes_a_whole_file(add, tmp_path):
    add()
    assert run(str(tmp_path / "history.csv")) == "Exported 1 upload.\n"
    assert len(table((tmp_path / "history.csv").read_bytes())) == 1
    assert [each.name for each in tmp_path.glob("*history*")] == ["history.csv"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [1, 7, 3]),
        (["--digit", "7"], [7]),
        (["--label", "not_a_digit"], [3]),
        (["--label", "2"], [7]),
        (["--status", "uncertain"], [1]),
        (["--review", "waiting"], [1]),
        (["--review", "disagrees"], [7, 3]),
        (["--model", "v1"], [1, 7, 3]),
        (["--model", "v2"], []),
        (["--since", "2000-01-01"], [1, 7, 3]),
        (["--until", "2000-01-01"], []),
    ],
)
def test_the_command_filters_as_the_list_does(add, ann, tmp_path, options, found):
    rows = [add(digit=1, reason="low_confidence"), add(digit=7), add(digit=3)]
    review.correct(rows[1].pk, 2, ann)
    review.correct(rows[2].pk, NOT_A_DIGIT, ann)
    run(str(tmp_path / "rows.jsonl"), *options)
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["digit"] for line in lines] == found


@pytest.mark.parametrize("name", ["history.xls", "history", "none/history.csv"])
def test_the_command_says_what_it_cannot_write(tmp_path, name):
    with pytest.raises(CommandError):
        run(str(tmp_path / name))
