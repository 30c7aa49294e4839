"""JPEG files built segment by segment, so that tests can ask for what no encoder writes."""

import struct
from collections.abc import Iterable

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
BASELINE, EXTENDED, PROGRESSIVE, LOSSLESS, ARITHMETIC, ARITHMETIC_PROGRESSIVE = (
    *(0xC0, 0xC1, 0xC2),
    *(0xC3, 0xC9, 0xCA),
)
RUN_BLOCKS = 32767  # blocks that one end-of-band code covers at most


def segment(marker: int, content: bytes = b"") -> bytes:
    """A marker segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame(marker: int, width: int, height: int, sampling: Iterable[int] = (0x11,)) -> bytes:
    """A frame header (SOF): one component for each sampling factor, such as 0x22."""
    components = b"".join(bytes([index, each, 0]) for index, each in enumerate(sampling, 1))
    content = struct.pack(">BHHB", 8, height, width, len(components) // 3) + components
    return segment(marker, content)


def tables() -> bytes:
    """A quantization table, and Huffman tables whose codes 0, 10 are: nothing; a long run."""
    quantization = segment(0xDB, b"\0" + b"\1" * 64)
    direct = segment(0xC4, b"\x00" + bytes([1, 0]) + bytes(14) + b"\0")
    other = segment(0xC4, b"\x10" + bytes([1, 1]) + bytes(14) + b"\0\xe0")
    return quantization + direct + other


def scan(components: Iterable[int], band: tuple[int, int], bits: int, content: bytes) -> bytes:
    """A scan header (SOS) and its entropy-coded data; `bits` is the successive approximation."""
    pairs = b"".join(bytes([each, 0]) for each in components)
    header = bytes([len(pairs) // 2]) + pairs + bytes([*band, bits])
    return segment(0xDA, header) + content


def empty_band(blocks: int) -> bytes:
    """Entropy-coded data of a scan of one component that says: these blocks hold nothing."""
    bits = ""
    while blocks > 0:
        run = min(blocks, RUN_BLOCKS)
        length = run.bit_length() - 1
        if length == 14:
            bits += "10" + format(run - (1 << 14), "014b")
            blocks -= run
        else:
            bits += "0"
            blocks -= 1
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def refinements(count: int, blocks: int, components: int = 1) -> bytes:
    """Legal refinement scans, one band of one component after another, that change nothing."""
    content = empty_band(blocks)
    orders = (
        scan([1 + number % components], (band, band), high << 4 | high - 1, content)
        for number in range(components)
        for high in range(13, 0, -1)
        for band in range(1, 64)
    )
    return b"".join(each for _, each in zip(range(count), orders, strict=False))


def progressive(
    side: int, scans: int, components: int = 1, marker: int = PROGRESSIVE, more: bytes = b""
) -> bytes:
    """A square progressive JPEG of grey with this many scans, in a few kilobytes."""
    blocks = (-(-side // 8)) ** 2
    first = scan(range(1, components + 1), (0, 0), 0, bytes(-(-blocks * components // 8)))
    return b"".join(
        [
            *(SOI, more, tables()),
            frame(marker, side, side, [0x11] * components),
            first,
            *first_bands(min(scans - 1, 63 * components), blocks, components),
            refinements(scans - 1 - 63 * components, blocks, components),
            EOI,
        ]
    )


def first_bands(count: int, blocks: int, components: int) -> list[bytes]:
    """The first scan of each band of each component."""
    content = empty_band(blocks)
    return [
        scan([1 + number // 63], (1 + number % 63,) * 2, 13, content) for number in range(count)
    ]
