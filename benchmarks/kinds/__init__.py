"""Kinds of pictures of one digit: each a function of an image (28, 28) and a random generator.

An image has bright ink, as in MNIST; a picture is (h, w), (h, w, 3) or (h, w, 4) uint8.
"""

from . import edges, lined, neighbours, scenes

GROUPS = {
    "lines": lined.KINDS,
    "edges": edges.KINDS,
    "scenes": scenes.KINDS,
    "issue": lined.ISSUE | edges.ISSUE,
    "plain": neighbours.KINDS,
}
KINDS = {name: generate for group in GROUPS.values() for name, generate in group.items()}
