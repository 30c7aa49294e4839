"""Takes the screenshots of the README and review.md, of our own fixtures; run it from the
project's folder, with requirements-dev.txt and Chromium installed."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from classifier.tests.server import Server  # noqa: E402
from classifier.tests.services import chromium  # noqa: E402
from fixtures.odd import odd_uploads  # noqa: E402

LIST = "/admin/classifier/prediction/"


def main():
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), workers=1) as server:
        server.manage("load_demo")
        ann = server.sign_in("ann")
        for digit, upload in odd_uploads(6, seed=1):  # which it is not sure of
            correction = {"prediction": server.answer(upload)["id"], "label": digit}
            if digit == 7:
                ann.post(f"{server.url}/api/v1/corrections", json=correction).raise_for_status()
        with chromium() as browser:
            context = browser.new_context(base_url=server.url)
            draw(context.new_page())
            session = {"name": "sessionid", "value": ann.cookies["sessionid"]}
            context.add_cookies([session | {"url": server.url}])
            review(context.new_page())
            history(context.new_page())


def draw(page):
    page.set_viewport_size({"width": 1040, "height": 1300})
    page.goto("/")
    page.click("[data-sample*='4_sticky']")
    page.wait_for_selector("#rests:visible")
    page.click("summary")
    page.wait_for_timeout(1500)  # the digit is being written
    end = page.locator("#steps").bounding_box()
    save("draw", page, end["y"] + end["height"] + 20)


def review(page):
    page.set_viewport_size({"width": 1000, "height": 720})
    page.goto(f"{LIST}review/")
    page.wait_for_selector("#review-desk:not([hidden])")
    page.keyboard.press("1")
    page.wait_for_load_state("networkidle")
    save("review", page, 720)


def history(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(LIST)
    page.wait_for_load_state("networkidle")
    save("admin", page, 800)


def save(name, page, height):
    clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
    taken = Image.open(io.BytesIO(page.screenshot(clip=clip, timeout=120_000))).convert("RGB")
    few = taken.quantize(256, Image.Quantize.MAXCOVERAGE)  # a third of the bytes
    few.save(DOCS / "pictures" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
