"""The networks. Each takes (n, 28, 28, 1) pixels of 0-255 and returns (n, 10) logits.

The softmax is left out: calibration and the uncertainty of an answer work on logits.
"""

import keras
from keras import layers


def cnn() -> keras.Model:
    """Ours: five 3x3 convolutions, the early ones strided. 391,000 parameters, most of the
    work at 7x7 pixels, where it is cheap."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            *_convolution(32, strides=2),  # 14x14
            *_convolution(64, strides=2),  # 7x7
            *_convolution(128),
            *_convolution(128, padding="valid"),  # 5x5
            *_convolution(128, padding="valid"),  # 3x3
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.2),
            layers.Dense(10),
        ],
        name="cnn",
    )


def _convolution(filters: int, strides: int = 1, padding: str = "same") -> list[keras.Layer]:
    return [
        layers.Conv2D(filters, 3, strides=strides, padding=padding, use_bias=False),
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
            layers.Dense(10),
        ],
        name="original",
    )


NETWORKS = {"cnn": cnn, "original": original}


def build(name: str) -> keras.Model:
    """Build an untrained network. Raises ValueError for a name that is not in NETWORKS."""
    if name not in NETWORKS:
        raise ValueError(f"Expected a network of {', '.join(NETWORKS)}, received {name}.")
    return NETWORKS[name]()
