"""Digit recognition: from the bytes of a picture to a digit, and how to train for it.

Knows arrays, files on disk, Keras and LiteRT. Knows nothing of Django.
"""

import os

# OpenCV reads its limit when it is first imported; a second line behind header.py's limits.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "50000000")
