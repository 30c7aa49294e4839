import pytest

# pure bytes; no Django in it
from classifier.tests.hostile import MAGIC, chunk, cut_animation, flipped, plain, png_header
from ml.png import still

END = chunk(b"IEND", b"")


def test_a_plain_png_stays_as_it_is():
    content = plain(0)
    assert still(content) is content


@pytest.mark.parametrize(
    "more",
    [chunk(b"iCCP", b"x"), chunk(b"acTL", bytes(8)) + chunk(b"fdAT", b""), chunk(b"abCd", b"")],
)
def test_what_a_still_picture_does_not_need_is_left_out(more):
    content = plain(0)
    header = len(png_header(28, 28))
    assert still(content[:header] + more + content[header:]) == content
    assert still(content[:-12] + more + END + b"<script>") == content


def test_a_palette_transparency_and_orientation_are_kept():
    content = plain(0)
    for kind in (b"PLTE", b"tRNS", b"eXIf"):
        with_it = content[:33] + chunk(kind, b"abc") + content[33:]
        assert still(with_it) == with_it
        assert still(with_it[:-12] + chunk(kind, b"abc") + END) == with_it  # once, before pixels


@pytest.mark.parametrize("length", [0, 8, 20, 50, -1, -12])
def test_a_png_that_is_cut_is_damaged(length):
    with pytest.raises(ValueError, match="chunk"):
        still(plain(0)[:length])


@pytest.mark.parametrize("position", [12, 20, 30, 45, -5])
def test_a_png_with_a_bit_flipped_is_damaged(position):
    with pytest.raises(ValueError, match="chunk"):
        still(flipped(plain(0), position))


@pytest.mark.parametrize(
    "content",
    [
        MAGIC + END,
        MAGIC + chunk(b"IHDR", b"") + END,
        MAGIC + chunk(b"tEXt", b"") + plain(0)[8:],
        png_header(30_000, 30_000) + plain(0)[8:],  # Pillow believes the second
    ],
)
def test_a_header_that_is_not_the_one_at_the_beginning_is_refused(content):
    with pytest.raises(ValueError, match="header"):
        still(content)


def test_an_animation_that_crashes_the_decoder_is_read_as_a_still(sample):
    assert still(cut_animation(sample("7_paint.png"))) == sample("7_paint.png")
