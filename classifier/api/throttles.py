"""How often one key, or one address, may ask. No limits unless MNIST_THROTTLE_* sets them."""

import time

from django.conf import settings
from rest_framework.throttling import BaseThrottle

from classifier.addresses import network
from classifier.counters import count


class Limit(BaseThrottle):
    """So many requests in each second, minute, hour or day of the clock.

    DRF's own keeps the time of every request, and two processes that read and write that list
    at once forget some of them; one number that the cache itself counts up is exact.
    """

    def allow_request(self, request, view):
        rate = self.rate()
        who = rate and self.who(request)
        if not who:
            return True
        allowed, period_s = rate
        period, passed_s = divmod(time.time(), period_s)
        self.left_s = period_s - passed_s
        return count(f"throttle:{who}:{period_s}:{period:.0f}", 2 * period_s) <= allowed

    def wait(self):
        return self.left_s


class KeyLimit(Limit):
    """Of each key, wherever it is used."""

    def rate(self):
        return settings.MNIST_THROTTLE_KEY

    def who(self, request):
        return f"key:{request.auth.pk}" if request.auth else None


class AddressLimit(Limit):
    """Of each address, for those without a key. Staff who are logged in may go on."""

    def rate(self):
        return settings.MNIST_THROTTLE_ADDRESS

    def who(self, request):
        return None if request.user else f"address:{network(self.get_ident(request))}"
