from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

FILTERS = ("digit", "status", "answered_by", "since", "until", "last")
SHOWN = 50


class Command(BaseCommand):
    help = "Answer the history again with a version, keep both answers, list what would change."

    def add_arguments(self, parser):
        parser.add_argument("--model", help="the version that answers again")
        parser.add_argument("--digit", type=int, help="only what was read as this digit")
        parser.add_argument("--status", choices=["certain", "uncertain"], default="")
        parser.add_argument("--answered-by", default="", metavar="NAME", help="only its answers")
        parser.add_argument("--since", default="", metavar="DATE")
        parser.add_argument("--until", default="", metavar="DATE")
        parser.add_argument("--last", type=int, metavar="N", help="only the newest N of these")
        parser.add_argument("--background", action="store_true", help="let a worker do it")
        parser.add_argument("--resume", type=int, metavar="ID", help="go on with one that failed")

    def handle(self, *, model, background, resume, **options):
        from classifier import inference, jobs, registry, replay, tasks

        try:
            found = opened(jobs, registry, replay, model, resume, options)
            if background:
                tasks.send(found)
                found.refresh_from_db()
                if found.reason:
                    raise CommandError(found.reason)
                self.stdout.write(f"Replay {found.pk} of {found.total} uploads waits for a worker.")
                return
            if not jobs.claim(found):
                raise CommandError(f"{found} is {found.get_state_display()} already.")
            with tqdm(total=found.total, initial=found.done, disable=None, unit="upload") as bar:
                for done in replay.run(found):
                    bar.update(done - bar.n)
        except (ValueError, registry.UnknownVersion, inference.NotReady) as error:
            raise CommandError(str(error)) from error
        if found.state != found.State.DONE:
            raise CommandError(found.reason or f"{found} is {found.get_state_display()}.")
        self.report(found)

    def report(self, found):
        from classifier.models import Prediction

        statuses = dict(Prediction.Reason.choices)
        changes = found.answers.filter(differs=True).select_related("prediction")
        for each in changes[:SHOWN]:
            now = "refused" if each.digit is None else f"{each.digit} {each.confidence:.1%}"
            self.stdout.write(
                f"upload {each.prediction_id}: {each.prediction.digit} "
                f"{each.prediction.confidence:.1%} -> {now}  {statuses.get(each.reason, '')}"
            )
        if found.differing > SHOWN:
            self.stdout.write(f"... and {found.differing - SHOWN} more")
        self.stdout.write(
            f"Replay {found.pk}: {found.version} reads {found.differing} of "
            f"{found.answers.count()} uploads as another digit."
        )


def opened(jobs, registry, replay, model, resume, options):
    """The replay that goes on, or a new one."""
    from classifier.models import Replay

    if resume:
        found = Replay.objects.filter(pk=resume).first()
        if found is None:
            raise CommandError(f"There is no replay {resume}.")
        if found.state != found.State.WAITING:
            jobs.resume(found)
        return found
    if not model:
        raise CommandError("Name the version: --model NAME")
    filters = {key: options[key] for key in FILTERS if options[key] not in (None, "")}
    return replay.begin(registry.find(model.removesuffix(".keras")), filters)
