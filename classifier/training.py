"""The adapter to training and measuring: names and files of the site, networks of `ml`.

Imports TensorFlow, through `ml.train`, only where something is trained.
"""

from collections.abc import Iterable
from pathlib import Path

from ml import checkpoint, dataset, evaluate
from ml.checkpoint import Checkpoint

from . import inference, registry


def train(
    name: str, *, data: Path | None, resume: bool, verbose: int, **plan: str | int
) -> Checkpoint:
    """Train a new version into the site's directory; `plan` as in `ml.train.Plan`.

    Raises ValueError for a bad name or option, FileExistsError when the name is taken,
    OSError when MNIST cannot be had, FileNotFoundError when there is nothing to resume.
    """
    name = free_name(name)
    images = dataset.load_mnist(data)
    from ml.train import Plan, train  # TensorFlow takes seconds: first see that all is well

    return train(
        Plan(name, **plan), images, registry.trained_directory(), resume=resume, verbose=verbose
    )


def free_name(name: str) -> str:
    """The name of a version to be, checked. Raises ValueError and FileExistsError."""
    name = checkpoint.parse_name(name)
    if name in registry.names():
        raise FileExistsError(f"There is a version called {name} already. Choose another name.")
    return name


def measure(
    name: str, data: Iterable[Path], folders: Iterable[Path], as_uploads: bool
) -> tuple[str, list[dict]]:
    """A version's name and its figures on files of arrays and folders of pictures.

    Without a name, the active version. Raises OSError and ValueError for what cannot be
    read, NotReady for the version.
    """
    predictor = inference.predictor(name.removesuffix(".keras"))
    sets = [
        (path.name, evaluate.from_arrays(*dataset.load_labelled(path), as_uploads)) for path in data
    ] + [(folder.name, evaluate.from_files(evaluate.labelled_files(folder))) for folder in folders]
    figures = [evaluate.measure(label, pictures, predictor) for label, pictures in sets]
    return predictor.version, figures
