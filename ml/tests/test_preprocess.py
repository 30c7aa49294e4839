import contextlib

import cv2
import numpy as np
import pytest

from ml.header import InvalidImage
from ml.paper import histogram, otsu, otsu_level
from ml.preprocess import frame, prepare, thicken
from ml.sheet import trim_bars

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def drawn(ink=BLACK, paper=WHITE, side=200) -> np.ndarray:
    """A 4, (side, side, 3) uint8; colours are blue, green, red."""
    picture = np.full((side, side, 3), paper, np.uint8)
    points = np.array([[80, 40], [60, 110], [140, 110]]) * side // 200
    stem = np.array([[120, 70], [120, 165]]) * side // 200
    return cv2.polylines(picture, [points, stem], False, ink, max(1, side // 20))


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def pixels_of(picture: np.ndarray) -> np.ndarray:
    return prepare(png(picture)).pixels.astype(int)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two 28x28 pictures, where 0 is none and 1 is all of the ink."""
    return np.abs(one - other).sum() / (one.sum() + other.sum())


def test_frame_puts_a_block_where_it_was_worked_out_by_hand():
    framed = frame(np.full((10, 5), 255, np.uint8))  # twice as large: 20x10, around 13.5
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 9:19] = 255
    np.testing.assert_array_equal(framed, expected)


def test_frame_centers_by_mass_and_not_by_the_box():
    seven = np.zeros((20, 12), np.uint8)
    seven[:4] = 255
    seven[:, 8:] = 255
    framed = frame(seven)
    rows = np.flatnonzero(framed.any(axis=1))
    assert rows[0] > 4  # in the middle of the box it would begin at 4


def test_dark_on_light_and_light_on_dark_give_the_same():
    assert difference(pixels_of(drawn(BLACK, WHITE)), pixels_of(drawn(WHITE, BLACK))) < 0.01


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((40, 40, 220), (60, 220, 240)),  # red on yellow
        ((235, 235, 230), (50, 60, 45)),  # chalk on slate
        ((200, 120, 120), (120, 160, 130)),  # as bright as its paper
        ((205, 205, 205), WHITE),  # pencil
    ],
)
def test_any_colour_on_any_paper_gives_the_same(ink, paper):
    assert difference(pixels_of(drawn(ink, paper)), pixels_of(drawn())) < 0.1


@pytest.mark.parametrize("paper", [WHITE, (90, 90, 90), (0, 0, 0)])
def test_a_file_of_one_channel_gives_the_same_as_of_three(paper):
    picture = drawn((180, 180, 180), paper)
    np.testing.assert_array_equal(pixels_of(picture[..., 0]), pixels_of(picture))


def test_grey_light_on_grey_paper_gives_nearly_what_it_gives_in_colour():
    light = np.linspace(0.5, 1, 200)[np.newaxis, :, np.newaxis]
    grey = (drawn((60, 60, 60)) * light).astype(np.uint8)
    tinted = grey.copy()
    tinted[0, 0, 0] -= 1  # so that it counts as coloured
    assert difference(pixels_of(grey), pixels_of(tinted)) < 0.02


def test_transparent_pixels_show_white_paper():
    ink = drawn()[..., 0] < 128
    picture = np.dstack([np.zeros((200, 200, 3), np.uint8), np.where(ink, 255, 0).astype(np.uint8)])
    assert difference(pixels_of(picture), pixels_of(drawn())) < 0.01


def test_exif_orientation_is_undone():
    jpeg = cv2.imencode(".jpg", cv2.rotate(drawn(), cv2.ROTATE_90_COUNTERCLOCKWISE))[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    assert difference(prepare(turned).pixels.astype(int), pixels_of(drawn())) < 0.1


def ruled(picture: np.ndarray) -> np.ndarray:
    for y in range(25, 200, 50):
        cv2.line(picture, (0, y), (199, y + 2), (200, 150, 140), 1)
    return picture


def framed_by_a_box(picture: np.ndarray) -> np.ndarray:
    return cv2.rectangle(picture, (15, 15), (185, 185), (60, 60, 60), 2)


def with_a_dark_edge(picture: np.ndarray) -> np.ndarray:
    picture[:, :14] = 50
    picture[-12:] = 50
    return picture


def in_a_dark_frame(picture: np.ndarray) -> np.ndarray:
    return cv2.rectangle(picture, (0, 0), (199, 199), (60, 60, 60), 16)


def with_specks(picture: np.ndarray) -> np.ndarray:
    for x, y in [(20, 30), (170, 40), (180, 150), (30, 170), (40, 60)]:
        cv2.circle(picture, (x, y), 2, (60, 60, 60), -1)
    return picture


def in_a_cast_shadow(picture: np.ndarray) -> np.ndarray:
    light = np.ones((200, 200, 1), np.float32)
    light[:, 90:] = 0.6
    light[:, 86:94, 0] = np.linspace(1, 0.6, 8)
    return (picture * light).astype(np.uint8)


def on_a_note_on_a_desk(picture: np.ndarray) -> np.ndarray:
    desk = np.full((360, 360, 3), (70, 92, 120), np.uint8)
    desk[70:270, 90:290] = picture
    return desk


def with_a_neighbour_cut_off(picture: np.ndarray) -> np.ndarray:
    return cv2.line(picture, (190, 60), (199, 140), BLACK, 9)


def underlined(picture: np.ndarray) -> np.ndarray:
    return cv2.line(picture, (50, 188), (160, 185), BLACK, 8)


def circled(picture: np.ndarray) -> np.ndarray:
    return cv2.ellipse(picture, (100, 102), (88, 84), 0, 10, 352, (200, 40, 40), 7)


@pytest.mark.parametrize(
    "spoil",
    [
        ruled,
        underlined,
        circled,
        framed_by_a_box,
        in_a_dark_frame,
        with_a_dark_edge,
        with_specks,
        in_a_cast_shadow,
        on_a_note_on_a_desk,
        with_a_neighbour_cut_off,
    ],
)
def test_what_is_not_the_digit_is_dropped(spoil):
    assert difference(pixels_of(spoil(drawn(ink=(20, 20, 20)))), pixels_of(drawn())) < 0.1


def test_the_stem_of_a_hairline_that_ends_at_the_edge_is_no_ruled_line():
    picture = np.full((64, 64), 255, np.uint8)
    cv2.line(picture, (15, 0), (15, 40), 0)
    cv2.polylines(
        picture, [np.array([[15, 40], [45, 40]]), np.array([[45, 30], [45, 63]])], False, 0
    )
    columns = np.flatnonzero(pixels_of(picture).max(axis=0) > 100)
    assert np.ptp(columns) >= 8  # stem, bar and stem


@pytest.mark.parametrize("upright", [True, False])
def test_bars_around_a_photo_are_trimmed_and_bare_paper_is_not(upright):
    photo = (drawn() * np.linspace(0.92, 0.6, 200)[:, np.newaxis, np.newaxis]).astype(np.uint8)
    sides = (50, 60, 0, 0) if upright else (0, 0, 50, 60)
    barred = cv2.copyMakeBorder(photo, *sides, cv2.BORDER_CONSTANT, value=WHITE)
    assert sorted(trim_bars(barred).shape[:2])[0] in range(190, 201)
    np.testing.assert_array_equal(trim_bars(drawn()), drawn())


def test_paper_above_its_first_line_is_no_bar():
    picture = np.full((200, 200), 235, np.uint8)
    picture[60::30] = 150
    cv2.line(picture, (100, 20), (100, 180), 0, 10)
    assert trim_bars(picture).shape == (200, 200)


@pytest.mark.parametrize("invert", [False, True])
def test_a_wide_stroke_that_fills_its_picture_is_no_shadow(invert):
    seven = np.full((200, 140, 3), 235, np.uint8)
    cv2.polylines(seven, [np.array([[0, 18], [120, 18], [60, 199]])], False, (30, 30, 30), 36)
    pixels = pixels_of(255 - seven if invert else seven)
    expected = pixels_of(cv2.copyMakeBorder(seven, *[40] * 4, cv2.BORDER_CONSTANT, value=[235] * 3))
    assert difference(pixels, expected) < 0.15


@pytest.mark.parametrize("deviation", [10, 25])
def test_ink_on_noisy_paper_is_not_blank(deviation):
    noise = np.random.default_rng(0).normal(0, deviation, (200, 200, 1))
    noisy = (drawn(ink=(150, 150, 150), paper=(215, 215, 215)) + noise).clip(0, 255)
    assert pixels_of(noisy.astype(np.uint8)).max() > 128


def test_an_angular_digit_is_no_sheet_of_paper():
    zero = np.full((200, 200), 255, np.uint8)
    cv2.rectangle(zero, (50, 30), (150, 170), 0, -1)
    cv2.rectangle(zero, (85, 70), (115, 130), 255, -1)
    assert pixels_of(zero)[5:22, 10].min() > 240
    one = np.full((200, 200), 255, np.uint8)
    cv2.rectangle(one, (60, 30), (140, 170), 0, -1)
    assert pixels_of(one)[5:22, 14].min() > 240


def test_the_foot_of_a_one_is_no_underline():
    picture = np.full((200, 200), 255, np.uint8)
    cv2.line(picture, (100, 30), (100, 150), 0, 10)
    cv2.line(picture, (75, 160), (125, 160), 0, 8)
    assert np.ptp(np.flatnonzero(pixels_of(picture)[20:].max(axis=0) > 100)) >= 6


def test_the_hole_of_an_outlined_six_is_not_a_digit_in_a_circle():
    picture = np.full((200, 200), 255, np.uint8)
    cv2.ellipse(picture, (100, 100), (55, 85), 0, 0, 360, 0, 4)
    cv2.circle(picture, (100, 140), 28, 0, 4)
    assert pixels_of(picture)[4:10].max() > 200  # the outline reaches the top


def test_the_bar_that_floats_above_a_five_is_kept():
    picture = np.full((200, 200), 255, np.uint8)
    cv2.line(picture, (70, 40), (130, 40), 0, 8)
    cv2.ellipse(picture, (95, 130), (35, 35), 0, -100, 120, 0, 8)
    assert pixels_of(picture)[:7].max() > 200


def test_a_digit_that_fills_its_bitmap_is_ink_and_not_paper():
    picture = np.zeros((16, 16), np.uint8)
    cv2.ellipse(picture, (7, 7), (7, 7), 0, 0, 360, 255, 2)
    middle = pixels_of(picture)[12:16, 12:16]
    assert middle.max() == 0


def test_a_hairline_does_not_fade_when_it_is_scaled_down():
    picture = np.full((600, 600), 255, np.uint8)
    cv2.line(picture, (300, 100), (280, 500), 0, 1, cv2.LINE_AA)
    assert pixels_of(picture).max() > 200


def test_a_faint_part_of_a_stroke_is_kept_on_clean_paper():
    picture = cv2.ellipse(
        np.full((200, 200), 255, np.uint8), (100, 100), (40, 70), 0, 90, 270, 150, 6
    )
    cv2.ellipse(picture, (100, 100), (40, 70), 0, -90, 90, 222, 6)
    assert pixels_of(picture)[13, 14:].max() > 80  # the right half of a 0
    noise = np.random.default_rng(0).normal(0, 4, (200, 200))
    grainy = (picture + noise).clip(0, 255).astype(np.uint8)
    assert pixels_of(grainy)[:, :8].max() == 0  # and on rough paper its noise is not


def test_thicken_leaves_a_marker_as_it_is():
    marker = np.full((100, 30), 255, np.uint8)
    assert thicken(marker) is marker


def test_an_image_of_mnist_stays_as_it_is():
    image = pixels_of(drawn()).astype(np.uint8)
    np.testing.assert_array_equal(prepare(png(image)).pixels, image)
    np.testing.assert_array_equal(prepare(png(255 - image)).pixels, image)


def test_two_digits_beside_each_other_are_several():
    assert prepare(png(np.hstack([drawn(), drawn()]))).several
    assert not prepare(png(drawn())).several


@pytest.mark.parametrize("grey", [0, 120, 255])
def test_a_picture_without_ink_is_blank(grey):
    with pytest.raises(InvalidImage) as refusal:
        prepare(png(np.full((100, 100), grey, np.uint8)))
    assert refusal.value.code == "blank"


def test_paper_with_noise_and_no_ink_is_blank():
    noise = np.random.default_rng(0).normal(200, 4, (200, 200))
    with pytest.raises(InvalidImage, match="looks blank"):
        prepare(png(noise.astype(np.uint8)))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_sent_is_read_or_refused(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        height, width = (int(side) for side in rng.integers(20, 200, 2))
        picture = np.full((height, width, 3), rng.integers(256), np.uint8)
        colour = [int(value) for value in rng.integers(256, size=3)]
        corners = rng.integers(-10, 210, (2, 2)).tolist()
        cv2.rectangle(picture, *corners, colour, int(rng.integers(1, 40)))
        with contextlib.suppress(InvalidImage):
            assert prepare(png(picture)).pixels.shape == (28, 28)


def test_every_step_is_shown_in_order():
    steps = []
    prepare(png(drawn()), lambda step, pixels: steps.append(step))
    assert steps[0] == "decoded"
    assert steps[-1] == "framed"
    assert "ruled lines dropped" in steps


@pytest.mark.parametrize("seed", range(50))
def test_otsu_s_threshold_of_a_histogram_is_opencv_s(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.normal(rng.integers(256), rng.integers(1, 60), (30, 40 + seed))
    pixels[rng.random(pixels.shape) < rng.random()] = rng.integers(256)
    grey = np.clip(pixels, 0, 255).astype(np.uint8)
    assert otsu_level(histogram(grey)) == otsu(grey)


def test_a_colour_picture_of_greys_is_prepared_as_a_grey_one():
    grey = cv2.resize(drawn(side=700), (500, 700))[..., 0]
    coloured = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    assert np.array_equal(prepare(png(grey)).pixels, prepare(png(coloured)).pixels)
