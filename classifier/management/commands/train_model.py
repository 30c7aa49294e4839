import datetime
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Train a network on MNIST and keep it as a new version."

    def add_arguments(self, parser):
        parser.add_argument("--epochs", "--epoch", type=int, default=20)
        parser.add_argument("--batch-size", "--batchsize", type=int, default=128)
        parser.add_argument("--network", default="cnn", help="cnn (ours) or original")
        parser.add_argument("--filename", help="the new version's name; default: one with the time")
        parser.add_argument("--data", type=Path, help="MNIST as .npz; default: downloaded by Keras")
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same network")
        parser.add_argument(
            "--resume", action="store_true", help="go on where an interrupted training stopped"
        )

    def handle(self, *, epochs, batch_size, network, filename, data, seed, resume, **options):
        from classifier import training

        if resume and not filename:
            raise CommandError("Name the training to resume: --filename NAME --resume")
        name = filename or f"{network}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
        try:
            saved = training.train(
                name,
                data=data,
                resume=resume,
                verbose=1 if sys.stdout.isatty() else 2,
                network=network,
                epochs=epochs,
                batch_size=batch_size,
                seed=seed,
            )
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted. Go on with the same options and: --filename {name} --resume"
            ) from None
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.report(saved)

    def report(self, saved):
        metrics = saved.facts["metrics"]
        self.stdout.write(f"\n{'epoch':>5}  {'loss':>7}  {'val_loss':>8}  {'val_accuracy':>12}")
        for epoch in metrics["epochs"]:
            best = "  kept" if epoch["epoch"] == metrics["best_epoch"] else ""
            self.stdout.write(
                f"{epoch['epoch']:>5}  {epoch['loss']:>7.4f}  {epoch['val_loss']:>8.4f}"
                f"  {epoch['val_accuracy']:>12.2%}{best}"
            )
        self.stdout.write(
            f"\nAccuracy on MNIST's test images: {metrics['test_accuracy']:.2%}\n"
            f"Kept as the version {saved.name}.\n"
            f"Serve it with: manage.py activate_model {saved.name}"
        )
