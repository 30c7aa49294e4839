"""The adapter to training and measuring: names and files of the site, networks of `ml`.

Imports TensorFlow, through `ml.train`, only where something is trained.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ml import checkpoint, dataset, evaluate, report
from ml.checkpoint import Checkpoint
from ml.evaluate import Answers

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

    saved = train(
        Plan(name, **plan), images, registry.training_directory(), resume=resume, verbose=verbose
    )
    registry.register(saved.facts, saved.directory)
    return saved


def free_name(name: str) -> str:
    """The name of a version to be, checked. Raises ValueError and FileExistsError."""
    name = checkpoint.parse_name(name)
    if name in registry.names():
        raise FileExistsError(f"There is a version called {name} already. Choose another name.")
    return name


def measure(
    name: str, data: Iterable[Path], folders: Iterable[Path], as_uploads: Sequence[bool]
) -> tuple[Checkpoint, list[Answers]]:
    """What a version answers on files of arrays and folders of pictures.

    The arrays are asked once for each of `as_uploads`: as they are, or as PNG files.
    Without a name, the active version answers. Raises OSError and ValueError for what cannot
    be read, NotReady for the version.
    """
    predictor = inference.predictor(name.removesuffix(".keras"))
    source = inference.checkpoint_of(registry.find(predictor.version))
    sets = [
        (
            f"{path.name} as uploads" if way and len(as_uploads) > 1 else path.name,
            evaluate.from_arrays(*dataset.load_labelled(path), way),
        )
        for path in data
        for way in as_uploads
    ] + [(folder.name, evaluate.from_folder(folder)) for folder in folders]
    return source, [evaluate.ask(label, pictures, predictor) for label, pictures in sets]


def figures(answers: Answers) -> dict:
    """Accuracy and calibration on one set."""
    return evaluate.figures(answers)


def write_report(
    folder: Path, source: Checkpoint, sets: Sequence[Answers], pictures_of: Sequence[str] | None
) -> None:
    """Write report.html and report.json about a version into a folder."""
    report.write(folder, source.facts, sets, pictures_of)
