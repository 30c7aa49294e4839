"""The first page in a real browser, under the site's content policy."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Permission

from classifier.api import throttles
from classifier.models import Correction, Prediction

from .test_browser import browser, synchronous  # noqa: F401 - fixtures

DIGITS = {  # points as parts of the page's side
    1: [(0.5, 0.15), (0.5, 0.5), (0.5, 0.85)],
    3: [
        *((0.3, 0.25), (0.4, 0.17), (0.52, 0.15), (0.64, 0.2), (0.68, 0.3), (0.62, 0.4)),
        *((0.5, 0.46), (0.58, 0.5), (0.68, 0.58), (0.7, 0.7), (0.62, 0.82), (0.48, 0.86)),
        *((0.36, 0.83), (0.28, 0.76)),
    ],
}
DROP = """([bytes, name, kind]) => {
  const files = new DataTransfer();
  files.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
  const target = document.getElementById("pad");
  target.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: files })
    : new ClipboardEvent("paste", { bubbles: true, clipboardData: files }));
}"""


@pytest.fixture
def open_page(transactional_db, live_server, browser, synchronous):  # noqa: F811
    """Open an address; afterwards nothing may have been complained about."""
    complaints = []

    def open_at(address="/", session="", complain=True, **options):
        context = browser.new_context(base_url=live_server.url, **options)
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if complain:
            page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        return page

    yield open_at
    assert complaints == []


def draw(page, digit):
    box = page.locator("#pad").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DIGITS[digit]]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def answered(page, word):
    """Wait until the answer is there, as a screen reader hears it."""
    page.wait_for_function(
        "word => document.getElementById('spoken').textContent.includes(word)", arg=word
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawn_three_is_read_and_not_kept_before_one_says_so(open_page, scheme):
    page = open_page(color_scheme=scheme)
    draw(page, 3)
    answered(page, "That is a three. Certain")
    assert not Prediction.objects.exists()
    page.click("text=Save")
    page.wait_for_selector("text=Saved as upload")
    assert Prediction.objects.get().digit == 3


def test_the_answer_comes_with_what_was_seen_and_the_steps(open_page):
    page = open_page()
    draw(page, 3)
    answered(page, "three")
    assert page.locator("#saw").evaluate("image => image.naturalWidth") == 28
    assert page.locator("#rests").is_visible()
    page.click("summary")
    assert page.locator("#film li").count() > 5
    assert page.locator("#film li").last.inner_text().endswith("centred by weight")


def test_undo_and_clear_take_back_what_was_drawn(open_page):
    page = open_page()
    draw(page, 1)
    answered(page, "one")
    page.keyboard.press("Control+z")
    assert page.locator("#reading").get_attribute("data-state") == "empty"
    draw(page, 3)
    answered(page, "three")
    page.keyboard.press("Escape")
    assert page.locator("#hint").is_visible()
    assert "An empty page" in page.locator("#pad").get_attribute("aria-label")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_that_is_brought_is_read_and_kept(open_page, sample, kind):
    page = open_page()
    page.evaluate(DROP, [list(sample("7_ballpoint.jpg")), "7.jpg", kind])
    answered(page, "That is a seven.")
    page.wait_for_selector("text=Saved as upload")
    assert Prediction.objects.get().original_name == "7.jpg"


def test_with_a_keyboard_a_digit_is_drawn(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.locator("#keys").is_visible()
    for key, times in (("ArrowUp", 15), ("Space", 1), ("ArrowDown", 30)):
        for _ in range(times):
            page.keyboard.press(key)
    assert page.locator("#tip").get_attribute("class") == "tip down"
    page.keyboard.press("Space")
    answered(page, "That is a one.")
    page.keyboard.press("Control+z")
    page.keyboard.down("ArrowLeft")
    page.keyboard.down("ArrowUp")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")  # which lifts the pen
    assert page.locator("#tip").is_hidden()
    assert page.locator("#clear").is_enabled()


def test_with_a_keyboard_a_sample_is_tried_and_kept(open_page):
    page = open_page(viewport={"width": 1000, "height": 420})
    page.focus("[data-sample*='4_sticky']")
    page.keyboard.press("Enter")
    answered(page, "That is a four.")
    assert page.locator("#pad").get_attribute("aria-label") == "Your picture."
    box = page.locator("#says").bounding_box()
    assert -1 < box["y"] <= page.viewport_size["height"] - box["height"]
    page.focus("#keep")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Saved as upload")
    assert Prediction.objects.get().digit == 4


def test_a_file_that_is_no_picture_is_refused_in_words(open_page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page = open_page()
    page.set_input_files("#choose", tmp_path / "notes.png")
    answered(page, "Use a PNG, JPEG, WebP or BMP picture.")


def test_on_a_phone_the_answer_is_in_view_below_the_page(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    draw(page, 3)
    answered(page, "three")
    box = page.locator("#says").bounding_box()
    assert box["y"] + box["height"] < 740
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_over_the_limit_it_says_so_waits_and_then_asks_less_often(open_page, settings, monkeypatch):
    settings.MNIST_THROTTLE_ADDRESS = (1, 3)
    monkeypatch.setattr(throttles, "time", SimpleNamespace(time=lambda: 2))  # a second is left
    page = open_page(complain=False)  # a browser writes each 429 to its console
    asked = []
    page.on("request", lambda request: "previews" in request.url and asked.append(request))
    draw(page, 3)
    answered(page, "Too many requests. The next try is in")
    assert len(asked) <= 4
    settings.MNIST_THROTTLE_ADDRESS = None
    answered(page, "That is a three.")
    page.keyboard.press("Escape")
    asked.clear()
    draw(page, 1)
    answered(page, "one")
    assert len(asked) == 1


def test_a_reviewer_corrects_and_the_picture_is_kept(open_page, client, person):
    ann = person("ann")
    ann.user_permissions.set(Permission.objects.filter(codename__in=["view_prediction", "review"]))
    client.force_login(ann)
    page = open_page(session=client.cookies["sessionid"].value)
    draw(page, 3)
    answered(page, "three")
    page.click("#ask button[value='8']")
    page.wait_for_selector("text=Saved. Thank you, the next version learns from it")
    assert Prediction.objects.get().label == Correction.objects.get().to_label == 8


def test_where_keys_are_required_staff_draw_and_keep(open_page, client, person, settings):
    settings.MNIST_REQUIRE_KEY = True
    client.force_login(person("ann"))
    page = open_page(session=client.cookies["sessionid"].value)
    draw(page, 3)
    answered(page, "three")
    page.click("text=Save")
    page.wait_for_selector("text=Saved as upload")


def test_the_same_for_eyes_that_want_no_motion(open_page):
    page = open_page(reduced_motion="reduce")
    draw(page, 3)
    answered(page, "three")
    assert page.locator("#written").evaluate("path => path.getAnimations().length") == 0


@pytest.mark.parametrize(
    "address",
    [
        "/docs/",
        "/docs/model-card",
        "/docs/reading",
        "/docs/review",
        "/docs/report",
        "/api/v1/docs",
        "/admin/",
        "/admin/classifier/prediction/",
        "/admin/classifier/prediction/statistics/",
        "/admin/classifier/modelversion/",
        "/admin/classifier/trainingrun/add/",
        "/admin/classifier/promotion/",
        "/admin/classifier/apikey/add/",
        "/admin/auth/user/1/change/",
        "/admin/password_change/",
    ],
)
def test_nothing_is_complained_about_on_other_pages(
    open_page, address, client, django_user_model, post
):
    client.force_login(django_user_model.objects.create_superuser("root", pk=1))
    post()
    page = open_page(address, session=client.cookies["sessionid"].value)
    assert page.locator("h1, h2").count()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_lost_visitor_sees_the_earth(transactional_db, live_server, browser, synchronous):  # noqa: F811
    page = browser.new_page()
    assert page.goto(f"{live_server.url}/nowhere").status == 404
    assert page.locator("[aria-label='The Earth, in letters']").is_visible()
    assert page.locator("h1").evaluate("title => getComputedStyle(title).fontSize") == "48px"
