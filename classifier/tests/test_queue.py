"""The review queue in the admin: its page, its steps, and who may take them."""

import re

import pytest
from django.test import Client

from classifier import review
from classifier.models import Correction, Prediction

pytestmark = pytest.mark.django_db
LIST = "/admin/classifier/prediction/"
QUEUE = f"{LIST}review/"
STEPS = ["next", "answer", "undo", "release"]


@pytest.fixture
def ann(person):
    return person("ann", "Reviewers")


@pytest.fixture
def step(client, ann):
    """Take a step of the queue as a reviewer."""
    client.force_login(ann)

    def post_step(name, query="", **content):
        return client.post(f"{QUEUE}{name}{query}", content, content_type="application/json")

    return post_step


def test_the_next_pictures_come_with_all_that_is_shown_of_them(step, add):
    picture = add(digit=7, reason="low_confidence")
    answer = step("next", count=5).json()
    assert answer["waiting"] == 1
    assert answer["pictures"][0]["id"] == picture.pk
    assert answer["pictures"][0]["saw"].startswith("data:image/png;base64,")
    assert answer["pictures"][0]["picture"] == f"{LIST}{picture.pk}/picture"
    assert len(answer["pictures"][0]["likely"]) == 3


def test_the_three_likeliest_answers_come_most_likely_first(step, post):
    post("7_paint.png")
    likely = step("next", count=1).json()["pictures"][0]["likely"]
    assert likely[0]["digit"] == 7
    assert likely[0]["percent"] >= likely[1]["percent"] >= likely[2]["percent"]


def test_an_answer_is_kept_in_the_reviewers_name(step, add, ann):
    picture = add(digit=7)
    step("next", count=1)
    made = step("answer", picture=picture.pk, label=1).json()["correction"]
    kept = Correction.objects.get(pk=made)
    assert (kept.prediction, kept.reviewer, kept.from_label, kept.to_label) == (picture, ann, 7, 1)


def test_an_answer_is_undone(step, add):
    picture = add()
    made = step("answer", picture=picture.pk, label=1).json()["correction"]
    assert step("undo", correction=made).status_code == 200
    picture.refresh_from_db()
    assert picture.label is None
    assert Correction.objects.count() == 2


def test_what_somebody_else_reviewed_meanwhile_is_a_conflict(step, add, person):
    picture = add()
    review.correct(picture.pk, 3, person("bob"))
    response = step("answer", picture=picture.pk, label=1)
    assert response.status_code == 409
    assert "Somebody else" in response.json()["detail"]


def test_released_pictures_go_to_the_next_reviewer(step, add, person):
    picture = add()
    step("next", count=1)
    step("release", pictures=[picture.pk])
    assert review.claim(person("bob"), 1) == [picture]


def test_the_queue_is_narrowed_by_the_lists_filters(step, add):
    add(digit=1)
    add(digit=7, reason="low_confidence")
    for query, digits in (
        ("?digit=1", [1]),
        ("?status=uncertain", [7]),
        ("?status=certain", [1]),
        ("?status=several_digits", []),
    ):
        answer = step("next", query, count=5).json()
        assert [each["digit"] for each in answer["pictures"]] == digits
        assert answer["waiting"] == len(digits)
        step("release", pictures=[each["id"] for each in answer["pictures"]])


def test_an_empty_queue_says_so(step):
    assert step("next", count=5).json() == {"pictures": [], "waiting": 0}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("next", {}),
        ("next", {"count": 0}),
        ("next", {"count": 10_000}),
        ("answer", {"picture": 1}),
        ("answer", {"picture": "x", "label": 1}),
        ("answer", {"picture": 1, "label": 11}),
        ("undo", {"correction": None}),
        ("release", {"pictures": ["x"]}),
        ("release", {"pictures": {"a": 1}}),
    ],
)
def test_nonsense_is_refused(step, name, content):
    assert step(name, **content).status_code == 400


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_only_ever_posted(client, admin_client, name):
    assert admin_client.get(f"{QUEUE}{name}").status_code == 405


@pytest.mark.parametrize("name", ["", *STEPS])
def test_nobody_is_sent_to_sign_in(client, name):
    assert client.post(QUEUE + name)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("name", ["", *STEPS])
@pytest.mark.parametrize("groups", [[], ["Viewers"]])
def test_staff_without_the_right_to_review_are_refused(client, person, name, groups):
    client.force_login(person("clerk", *groups))
    assert client.post(QUEUE + name).status_code == 403


def test_the_right_to_review_is_not_enough_without_the_right_to_view(client, person):
    from django.contrib.auth.models import Permission

    blind = person("blind")
    blind.user_permissions.add(Permission.objects.get(codename="review"))
    client.force_login(blind)
    assert client.get(QUEUE).status_code == 403


@pytest.mark.parametrize("name", STEPS)
def test_a_step_needs_the_csrf_token(ann, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    assert strict.post(QUEUE + name, {}, content_type="application/json").status_code == 403


def test_the_page_holds_no_inline_script_and_no_inline_style(step, client):
    page = client.get(QUEUE).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


def test_the_first_page_leads_reviewers_to_the_queue_and_nobody_else(client, person):
    for groups, shown in ((["Reviewers"], True), (["Viewers"], False)):
        client.force_login(person(groups[0], *groups))
        assert (QUEUE in client.get("/admin/").content.decode()) == shown


def test_a_step_takes_few_queries(step, add, django_assert_max_num_queries):
    for _ in range(20):
        add()
    with django_assert_max_num_queries(17):
        step("next", count=10)
    with django_assert_max_num_queries(13):
        step("answer", picture=Prediction.objects.first().pk, label=1)


# The list and the detail page


@pytest.fixture
def act(admin_client):
    """Run an action of the list on some predictions; gives the page that follows."""

    def run(action, *predictions):
        chosen = [each.pk for each in predictions]
        content = {"action": action, "_selected_action": chosen}
        return admin_client.post(LIST, content, follow=True).content.decode()

    return run


def test_the_list_shows_the_label_and_sets_off_disagreement(admin_client, admin_user, add):
    review.correct(add(digit=7).pk, 1, admin_user)
    assert '<span class="label disagrees">1</span>' in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("review=waiting", ["0"]),
        ("review=reviewed", ["1", "2", "3"]),
        ("review=agrees", ["1"]),
        ("review=disagrees", ["2", "3"]),
        ("label=10", ["3"]),
        ("label=7", ["1"]),
        ("label=x", ["0", "1", "2", "3"]),
    ],
)
def test_the_list_is_filtered_by_review_and_label(admin_client, admin_user, add, query, found):
    rows = [add(digit=7, original_name=f"row {number}") for number in range(4)]
    for row, label in zip(rows[1:], (7, 2, 10), strict=True):
        review.correct(row.pk, label, admin_user)
    page = admin_client.get(f"{LIST}?{query}").content.decode()
    assert sorted(re.findall(r">row (\d)<", page)) == found


def test_many_are_labelled_from_the_list_and_counted(act, add):
    page = act("label_as_3", add(digit=7), add(digit=1))
    assert "2 pictures were reviewed." in page
    assert Prediction.objects.filter(label=3).count() == 2


def test_many_are_confirmed_from_the_list(act, add):
    assert "1 picture was reviewed." in act("confirm", add(digit=7))
    assert Prediction.objects.get().label == 7


def test_a_wrong_move_in_the_list_is_taken_back(act, add):
    picture = add(digit=7)
    act("label_as_3", picture)
    assert "1 label was taken back." in act("take_back", picture)
    assert Prediction.objects.get().label is None


def test_viewers_have_no_labelling_actions(client, person, add):
    picture = add()
    client.force_login(person("clerk", "Viewers"))
    client.post(LIST, {"action": "label_as_3", "_selected_action": [picture.pk]})
    assert not Correction.objects.exists()
    assert "label_as_3" not in client.get(LIST).content.decode()


def test_the_detail_page_tells_the_history_of_corrections_escaped(admin_client, admin_user, post):
    pk = post("7_paint.png").json()["id"]
    review.correct(pk, 1, admin_user, note="<script>alert(1)</script>")
    page = admin_client.get(f"{LIST}{pk}/change/").content.decode()
    assert re.search(r"<td>admin</td><td>7</td><td>1</td><td>&lt;script&gt;alert", page)
    assert "<script>alert" not in page


def test_a_picture_is_corrected_on_its_page(admin_client, add):
    picture = add(digit=7)
    content = {"label": 10, "note": "a flower"}
    page = admin_client.post(f"{LIST}{picture.pk}/correct", content, follow=True).content.decode()
    assert "is labelled: not a digit" in page
    assert picture.corrections.get().note == "a flower"


def test_nonsense_is_not_taken_on_the_page(admin_client, add):
    picture = add()
    admin_client.post(f"{LIST}{picture.pk}/correct", {"label": 11})
    assert not Correction.objects.exists()


def test_a_correction_on_the_page_needs_the_right_and_the_token(client, person, add, ann):
    address = f"{LIST}{add().pk}/correct"
    client.force_login(person("clerk", "Viewers"))
    assert client.post(address, {"label": 1}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    assert strict.post(address, {"label": 1}).status_code == 403


def test_viewers_see_no_buttons_on_the_page(client, person, add):
    client.force_login(person("clerk", "Viewers"))
    assert "label-buttons" not in client.get(f"{LIST}{add().pk}/change/").content.decode()


def test_corrections_are_listed_and_never_edited(admin_client, admin_user, add):
    made = review.correct(add().pk, 1, admin_user)
    address = "/admin/classifier/correction/"
    assert admin_client.get(address).status_code == 200
    assert admin_client.get(f"{address}add/").status_code == 403
    assert admin_client.post(f"{address}{made.pk}/delete/", {"post": "yes"}).status_code == 403
