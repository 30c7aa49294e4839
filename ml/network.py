"""The networks. Each takes (n, 28, 28, 1) pixels of 0-255 and returns (n, 11) logits.

The first ten are the digits', the last says that there is no digit. The softmax is left out:
calibration and the uncertainty of an answer work on logits.
"""

import keras
from keras import layers

OUTPUTS = 11


def cnn(width: int = 1) -> keras.Model:
    """Ours: five convolutions, the first one strided. A 5x5 window costs little on one channel;
    most of the work is done at 12x12 and 5x5 pixels, where it is cheap."""
    pixels = keras.Input((28, 28, 1))
    features = layers.Rescaling(1 / 255)(pixels)
    features = _convolution(features, 32 * width, 5, strides=2, padding="same")  # 14x14
    features = _convolution(features, 56 * width)  # 12x12
    features = _convolution(features, 88 * width, strides=2)  # 5x5
    features = layers.add([features, _convolution(features, 88 * width, padding="same")])
    features = _convolution(features, 128 * width)  # 3x3
    features = layers.Dropout(0.3)(layers.Flatten()(features))
    return keras.Model(pixels, layers.Dense(OUTPUTS)(features), name="cnn")


def wide() -> keras.Model:
    """Ours with twice the filters, four times the work: it teaches, and need not be fast."""
    return cnn(width=2)


def _convolution(features, filters: int, size: int = 3, strides: int = 1, padding: str = "valid"):
    features = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(
        features
    )
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.95)(features))


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


NETWORKS = {"cnn": cnn, "wide": wide, "original": original}


def build(name: str) -> keras.Model:
    """Build an untrained network. Raises ValueError for a name that is not in NETWORKS."""
    if name not in NETWORKS:
        raise ValueError(f"Expected a network of {', '.join(NETWORKS)}, received {name}.")
    return NETWORKS[name]()
