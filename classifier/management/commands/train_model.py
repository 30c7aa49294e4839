import os
import signal
import sys
from argparse import ArgumentTypeError
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from classifier.parent_process import end_with_parent


class Command(BaseCommand):
    help = "Train a network on MNIST, and on reviewed uploads, and keep it as a new version."

    def add_arguments(self, parser):
        parser.add_argument(
            "--epochs",
            "--epoch",
            type=positive,
            help="default: 20, 4 with --quick, or 4 when a version goes on",
        )
        parser.add_argument(
            "--teacher-epochs",
            type=int,
            metavar="N",
            help="of a wide network that is trained first and taught from; default: 10 for cnn",
        )
        parser.add_argument(
            "--quick",
            action="store_true",
            help="minutes instead of an hour; such a version rejects nothing that is no digit",
        )
        parser.add_argument("--batch-size", "--batchsize", type=positive, default=128)
        parser.add_argument(
            "--network", default="cnn", help="cnn (ours), wide (slower) or original"
        )
        parser.add_argument("--filename", help="the new version's name; default: one with the time")
        parser.add_argument("--data", type=Path, help="MNIST as .npz; default: downloaded by Keras")
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same network")
        parser.add_argument(
            "--corrections",
            action="store_true",
            help="learn from the reviewed uploads, too, starting from the active version",
        )
        parser.add_argument(
            "--start", metavar="NAME", help="the version that goes on learning; '' for none"
        )
        parser.add_argument("--notes", default="", help="why it is trained; kept with the version")
        parser.add_argument(
            "--resume", action="store_true", help="go on where an interrupted training stopped"
        )
        parser.add_argument("--run", type=int, help="execute this run, for the worker that waits")

    def handle(self, *, run, **options):
        from classifier import runs, training
        from classifier.models import TrainingRun
        from classifier.registry import UnknownVersion

        if run:
            end_with_parent(os.getppid(), signal.SIGKILL)  # a training of no worker is nobody's
            training.execute(TrainingRun.objects.get(pk=run))
            return
        opened = None
        try:
            opened = opened_run(training, runs, **options)
            version = training.execute(opened, verbose=1 if sys.stdout.isatty() else 2)
        except KeyboardInterrupt:
            raise CommandError(interrupted(runs, opened)) from None
        except (ValueError, OSError, RuntimeError, UnknownVersion) as error:
            raise CommandError(str(error)) from error
        if version is None:
            raise CommandError(f"Cancelled. Go on with: --filename {opened.name} --resume")
        self.report(version)

    def report(self, version):
        metrics = version.facts["metrics"]
        self.stdout.write(f"\n{'epoch':>5}  {'loss':>7}  {'val_loss':>8}  {'val_accuracy':>12}")
        for epoch in metrics["epochs"]:
            best = "  kept" if epoch["epoch"] == metrics["best_epoch"] else ""
            self.stdout.write(
                f"{epoch['epoch']:>5}  {epoch['loss']:>7.4f}  {epoch['val_loss']:>8.4f}"
                f"  {epoch['val_accuracy']:>12.2%}{best}"
            )
        self.stdout.write(f"\nAccuracy on MNIST's test images: {metrics['test_accuracy']:.2%}")
        version.refresh_from_db()
        for each in version.gate["sets"]:
            self.stdout.write(each["text"])
        self.stdout.write(
            f"Kept as the version {version}.\nServe it with: manage.py activate_model {version}"
        )


def interrupted(runs, run):
    """What is said after Ctrl-C: how to go on, and what will be repeated."""
    if run is None:
        return "Interrupted before the training began."
    return (
        f"Interrupted. Go on with: --filename {run.name} --resume\n"
        f"With that, {runs.what_is_repeated(run)}."
    )


def opened_run(training, runs, *, filename, resume, data, **options):
    """The run that these options ask for: a new one, or one that goes on."""
    if data and not data.exists():
        raise FileNotFoundError(f"No such file: {data}")
    data = str(data.resolve()) if data else ""
    if resume:
        if not filename:
            raise CommandError("Name the training to resume: --filename NAME --resume")
        return runs.resume(training.resumable(filename), data)
    keys = ("corrections", "start", "epochs", "teacher_epochs", "network", "batch_size", "seed")
    return training.begin(
        filename or "",
        data=data,
        **{key: options[key] for key in (*keys, "quick", "notes")},
    )


def positive(value):
    """A whole number from 1, as an option's value."""
    if not value.isdecimal() or int(value) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1, received {value!r}")
    return int(value)
