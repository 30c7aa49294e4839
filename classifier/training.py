"""The adapter to training and measuring: names and files of the site, networks of `ml`.

Imports TensorFlow, through `ml.train`, only where something is trained.
"""

import datetime
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.urls import reverse

from ml import checkpoint, dataset, evaluate, report
from ml.checkpoint import Checkpoint
from ml.dataset import Arrays
from ml.evaluate import Answers, Labelled
from ml.header import InvalidImage
from ml.preprocess import attempt, prepare

from . import gate, inference, jobs, registry, reviewed, runs
from .models import NOT_A_DIGIT, ModelVersion, TrainingRun

NAME = rf"^{checkpoint.NAME_PATTERN.pattern}\Z"  # of a version
NETWORKS = ("cnn", "wide", "original")  # as ml.network, which takes seconds to import
EPOCHS = 20  # from random weights
EPOCHS_TEACHER = 10  # of the wide network that "cnn" then learns from; none for the others
EPOCHS_QUICK = 4
EPOCHS_MORE = 4  # from a version, and each a third as long: some three minutes on two cores
PEAK_RATE_MORE = 1e-4  # a twentieth of the first time's, so that what was learnt stays
WEIGHT = 20  # a reviewed upload counts as so many of MNIST's images


def begin(
    name: str = "",
    *,
    by=None,
    corrections: bool = False,
    start: str | None = None,
    epochs: int | None = None,
    teacher_epochs: int | None = None,
    network: str = "cnn",
    batch_size: int = 128,
    seed: int = 0,
    weight: int = WEIGHT,
    quick: bool = False,
    notes: str = "",
    data: str = "",
) -> TrainingRun:
    """Open a training run, to be executed here or by a worker.

    Without a name the version gets one with the time. `start` names the version whose network
    goes on learning, "" none; by default the active one with `corrections`, which are trained
    on beside MNIST, and none without. `data` is MNIST's file, "" the setting's. Raises ValueError
    for a bad name or option, FileExistsError when the name is taken, UnknownVersion, RunInProgress.
    """
    name = free_name(name or f"{network}-{datetime.datetime.now():%Y%m%d-%H%M%S}")
    if network not in NETWORKS:
        raise ValueError(f"Expected a network of {', '.join(NETWORKS)}, received {network}.")
    if corrections and not reviewed.reviewed_uploads():
        raise ValueError("There are no reviewed uploads to learn from yet.")
    parent = starting_version(start, corrections)
    epochs = epochs or (EPOCHS_MORE if parent else EPOCHS_QUICK if quick else EPOCHS)
    if teacher_epochs is None:
        teacher_epochs = 0 if parent or quick or network != "cnn" else EPOCHS_TEACHER
    if min(epochs, batch_size, weight) < 1:
        raise ValueError("Expected epochs, batch size and weight of at least 1.")
    plan = {
        "network": parent.network if parent else network,
        "epochs": epochs,
        "teacher_epochs": teacher_epochs,
        "batch_size": batch_size,
        "seed": seed,
        "weight": weight,
        "quick": quick,
        "corrections": corrections,
        "notes": notes,
        "data": str(data),
    }
    return runs.create(name, plan=plan, start=parent, by=by)


def starting_version(name: str | None, corrections: bool) -> ModelVersion | None:
    """The version to start from; None for random weights. Raises UnknownVersion."""
    if name is None:
        return registry.active_if_any() if corrections else None
    return registry.find(name.removesuffix(".keras")) if name else None


def free_name(name: str) -> str:
    """The name of a version to be, checked. Raises ValueError and FileExistsError."""
    name = checkpoint.parse_name(name)
    if name in (*registry.names(), *registry.shipped_names()):
        raise FileExistsError(f"There is a version called {name} already. Choose another name.")
    return name


def resumable(name: str) -> TrainingRun:
    """The newest run for a version of this name that can go on. Raises FileNotFoundError."""
    name = checkpoint.parse_name(name)
    run = TrainingRun.objects.filter(name=name).first()
    if run is None:
        raise FileNotFoundError(f"There is no interrupted training called {name}.")
    return run


def execute(run: TrainingRun, *, verbose: int = 0) -> ModelVersion | None:
    """Train the version of a run in this process; None when it was cancelled.

    However it ends, the run says how; what went wrong is raised, too.
    """
    if not jobs.claim(run):
        return None
    try:
        with runs.Watch(run, echo=bool(verbose)) as watch:
            version = _train(run, watch, verbose)
        jobs.finish(run)
    except jobs.Superseded:
        return None
    except KeyboardInterrupt:
        jobs.cancel(run, "Interrupted on the command line.")
        raise
    except ImportError as error:
        jobs.fail(run, f"This installation cannot train: {error}. Install requirements.txt.")
        raise
    except BaseException as error:
        jobs.fail(run, _in_a_line(error))
        raise
    return version


def _in_a_line(error: BaseException) -> str:
    """The first line of what went wrong; TensorFlow's errors are pages."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:500]


def _train(run: TrainingRun, watch: runs.Watch, verbose: int) -> ModelVersion:
    watch.enter("loading MNIST")
    # The setting is read now: a run that failed because it was missing can be resumed.
    data = run.plan["data"] or settings.MNIST_DATA
    images = dataset.load_mnist(Path(data) if data else None)
    version = ModelVersion.objects.filter(training_run=run).first()
    if version is None:  # else this run was cut short after it had been trained
        version = _register(_trained(run, images, watch, verbose), run)
    watch.stop_if_cancelled()
    _judge(version, images[1], watch)
    watch.progress = {**watch.progress, "stage": ""}
    return version


def _trained(run: TrainingRun, images, watch: runs.Watch, verbose: int) -> Checkpoint:
    """The checkpoint of a run, in the directory of trainings."""
    directory, resume = registry.training_directory(), bool(run.plan.get("resume"))
    if resume and checkpoint.exists(directory, run.name):
        return checkpoint.read(directory, run.name)
    also = _to_learn(watch) if run.plan["corrections"] else None
    watch.enter("starting TensorFlow")
    from ml.train import Plan, train  # TensorFlow takes seconds: first see that all is well

    if resume:
        watch.say(f"Resumed: {runs.what_is_repeated(run)}.")
    return train(
        Plan(run.name, **_options(run)),
        images,
        directory,
        resume=resume and runs.state_path(run).exists(),
        verbose=verbose,
        start=checkpoint.load_network(inference.checkpoint_of(run.start)) if run.start else None,
        also=also,
        report=runs.reporter(run, watch),
    )


def _register(saved: Checkpoint, run: TrainingRun) -> ModelVersion:
    """Make a candidate of a trained checkpoint, and leave nothing of it where it was trained."""
    version = registry.register(
        saved.facts, saved.directory, parent=run.start, training_run=run, notes=run.plan["notes"]
    )
    for path in (saved.keras_path, saved.compiled_path, saved.directory / f"{saved.name}.json"):
        path.unlink(missing_ok=True)
    return version


def _options(run: TrainingRun) -> dict:
    """What `ml.train.Plan` is told beside the name."""
    options = {
        key: run.plan[key]
        for key in ("network", "epochs", "teacher_epochs", "batch_size", "seed", "quick")
    }
    if run.start:
        # The same seed puts the same images aside: those it is validated on stay unseen.
        seed = run.start.facts.get("seed", run.plan["seed"])
        options |= {"start": run.start.name, "peak_rate": PEAK_RATE_MORE, "seed": seed}
    return options | ({"weight": run.plan["weight"]} if run.plan["corrections"] else {})


def _to_learn(watch: runs.Watch) -> Arrays | None:
    """The reviewed uploads as pixels; those that are refused today are left out."""
    pixels, labels = [], []
    for upload in reviewed.to_learn():
        watch.stop_if_cancelled()
        try:
            pixels.append(prepare(upload.content).pixels)
        except InvalidImage:
            continue
        labels.append(upload.label)
    watch.say(f"Learning from {len(labels)} reviewed uploads beside MNIST.")
    return Arrays(np.stack(pixels), np.array(labels)) if labels else None


def _judge(version: ModelVersion, test: Arrays, watch: runs.Watch) -> None:
    """Let the gate compare a new version, and write its report."""
    watch.enter("comparing the new version with the active one")
    active = registry.active_if_any()
    if active is None:
        registry.activate(version)
        watch.say("It is the first version of all: it answers from now on.")
        active = version
    if active.metrics.get("test_images") != len(test.digits):
        _note_mistakes(active, test)
    for each in gate.examine(version)["sets"]:
        watch.say(each["text"])
    sets = [("MNIST test images", evaluate.from_arrays(test.pixels, test.digits, False))]
    if held_out := list(_held_out()):
        sets.append(("held-out reviewed uploads that show a digit", held_out))
    watch.enter("writing the report")
    predictor = inference.predictor(version.name)
    answers = [evaluate.ask(name, pictures, predictor) for name, pictures in sets]
    with tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder), inference.checkpoint_of(version), answers, None)
        with open(Path(folder, "report.html"), "rb") as file:
            default_storage.save(registry.report_path(version), File(file))


def _held_out() -> Iterator[Labelled]:
    """What no training sees, without its pictures: those can be erased, and are for some only."""
    for each in reviewed.held_out(gate.MOST_HELD_OUT):
        if each.label != NOT_A_DIGIT:
            page, small = (
                reverse(f"admin:classifier_prediction_{name}", args=[each.pk])
                for name in ("change", "thumbnail")
            )
            kept = evaluate.Kept(page, small)
            yield Labelled(f"upload {each.pk}", each.label, kept, attempt(each.content))


def _note_mistakes(version: ModelVersion, test: Arrays) -> None:
    """Note which of MNIST's test images a version reads wrong, where its training did not."""
    guessed = inference.predictor(version.name).probabilities(test.pixels).argmax(axis=1)
    wrong = np.flatnonzero(guessed != test.digits)
    version.metrics |= {"test_images": len(test.digits), "test_mistakes": wrong.tolist()}
    version.save(update_fields=["metrics"])


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
    sets = [each for path in data for each in _arrays(path, as_uploads)]
    sets += [(folder.name, evaluate.from_folder(folder)) for folder in folders]
    return source, [evaluate.ask(label, pictures, predictor) for label, pictures in sets]


def _arrays(path: Path, as_uploads: Sequence[bool]) -> Iterator[tuple[str, Iterable]]:
    """The pictures of a file, once for each way that makes a difference, with a name."""
    arrays = dataset.load_labelled(path)
    if not evaluate.are_framed(arrays.pixels):
        as_uploads = [True]
    for way in as_uploads:
        name = f"{path.name} as uploads" if way and len(as_uploads) > 1 else path.name
        yield name, evaluate.from_arrays(*arrays, way)


def figures(answers: Answers) -> dict:
    """Accuracy and calibration on one set."""
    return evaluate.figures(answers)


def write_report(
    folder: Path, source: Checkpoint, sets: Sequence[Answers], pictures_of: Sequence[str] | None
) -> None:
    """Write report.html and report.json about a version into a folder."""
    report.write(folder, source.facts, sets, pictures_of)
