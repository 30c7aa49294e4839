"""The networks. Each takes (n, 28, 28, 1) pixels of 0-255 and returns (n, 11) logits.

The first ten are the digits', the last says that there is no digit. The softmax is left out:
calibration and the uncertainty of an answer work on logits.
"""

import keras
from keras import layers

OUTPUTS = 11


def cnn() -> keras.Model:
    """Ours: five convolutions, the first one strided. A 5x5 window costs little on one channel;
    most of the work is done at 12x12 and 5x5 pixels, where it is cheap."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            *_convolution(32, 5, strides=2, padding="same"),  # 14x14
            *_convolution(48),  # 12x12
            *_convolution(64, strides=2),  # 5x5
            *_convolution(96, padding="same"),
            *_convolution(128),  # 3x3
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(OUTPUTS),
        ],
        name="cnn",
    )


def _convolution(
    filters: int, size: int = 3, strides: int = 1, padding: str = "valid"
) -> list[keras.Layer]:
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False),
        layers.BatchNormalization(momentum=0.95),
        layers.Activation("relu"),
    ]


def original() -> keras.Model:
    """The network of the service that this one descends from, for comparison."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(OUTPUTS),
        ],
        name="original",
    )


NETWORKS = {"cnn": cnn, "original": original}


def build(name: str) -> keras.Model:
    """Build an untrained network. Raises ValueError for a name that is not in NETWORKS."""
    if name not in NETWORKS:
        raise ValueError(f"Expected a network of {', '.join(NETWORKS)}, received {name}.")
    return NETWORKS[name]()
