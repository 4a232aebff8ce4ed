"""What an application on Django does, in a process of its own: Django is configured once in a process, and for good.

``python -m adapters.app.in_django URL`` places orders 1 to 4, of which 2 and 3 fail; prints what is seen on the way.
"""

from __future__ import annotations

import sys

import django
import psycopg
from django.conf import settings
from django.db import connection, transaction

from mainspring.app import Mainspring


def attempt(app: Mainspring, number: int, *, fail: bool) -> None:
    """Store an order and the task for it, in an ``atomic`` block that may fail at its end."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO orders VALUES (%s)", [number])
        app.sync.enqueue(
            "https://example.com/", body=str(number), name=f"order-{number}", connection=connection.connection
        )
        if fail:
            raise ZeroDivisionError


def fails(app: Mainspring, number: int) -> None:
    """Attempt an order that fails."""
    try:
        attempt(app, number, fail=True)
    except ZeroDivisionError:
        print("failed", number)


def main(url: str) -> None:
    """Place the orders."""
    with psycopg.connect(url) as found:
        place = {"NAME": found.info.dbname, "HOST": found.info.host, "USER": found.info.user}
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **place}})
    django.setup()
    with Mainspring(url) as app:
        attempt(app, 1, fail=False)
        fails(app, 2)
        with transaction.atomic():
            fails(app, 3)
            attempt(app, 4, fail=False)
            print("seen by others", dict(app.sync.count_tasks()))
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
