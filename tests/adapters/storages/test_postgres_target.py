"""URLs of Postgres storages: what they may say, and how what they may not say is refused."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from mainspring.adapters.storages.postgres import PostgresStorage, read_target
from mainspring.core.errors import InvalidInput, Unavailable


def test_a_url_says_database_schema_and_pool() -> None:
    """What libpq knows is passed on; what is ours is taken out."""
    target = read_target("postgresql://me@db.example:5433/shop?sslmode=require&schema=jobs&pool_size=9&wakeups=off")
    asked = conninfo_to_dict(target.conninfo)
    assert (asked["host"], asked["port"], asked["dbname"], asked["sslmode"]) == (
        "db.example",
        "5433",
        "shop",
        "require",
    )
    assert (target.schema, target.pool_size, target.wakeups) == ("jobs", 9, False)
    assert "options" not in asked


def test_every_connection_is_bounded() -> None:
    """Time-outs of the server, and keepalives that notice a server that is gone within 15 seconds."""
    asked = conninfo_to_dict(read_target("postgresql://db/shop?options=-c%20work_mem%3D1MB").conninfo)
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "work_mem"):
        assert f"-c {setting}=" in str(asked["options"])
    idle, interval, count = (
        int(str(asked[key])) for key in ("keepalives_idle", "keepalives_interval", "keepalives_count")
    )
    assert idle + interval * count <= 15
    assert int(str(asked["tcp_user_timeout"])) <= 15_000
    assert int(str(asked["connect_timeout"])) <= 15


def test_what_a_user_sets_goes_before() -> None:
    """Defaults are only that."""
    asked = conninfo_to_dict(read_target("postgresql://db/shop?connect_timeout=1&application_name=shop").conninfo)
    assert (asked["connect_timeout"], asked["application_name"]) == ("1", "shop")


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("postgresql://db/shop?schema=Jobs", "schema"),
        ("postgresql://db/shop?schema=", "schema"),
        ("postgresql://db/shop?schema=pg_jobs", "schema"),
        ("postgresql://db/shop?schema=a%22b", "schema"),
        ("postgresql://db/shop?schema=1a", "schema"),
        (f"postgresql://db/shop?schema={'a' * 49}", "schema"),
        ("postgresql://db/shop?pool_size=0", "pool_size"),
        ("postgresql://db/shop?pool_size=101", "pool_size"),
        ("postgresql://db/shop?pool_size=four", "pool_size"),
        ("postgresql://db/shop?wakeups=yes", "wakeups"),
        ("postgresql://db/shop?no_such_option=1", "store"),
        ("postgresql://db:port:port/shop?x", "store"),
        ("postgresql://[::1/shop", "store"),
    ],
)
def test_a_bad_url_is_refused_by_the_name_of_what_is_wrong(url: str, field: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(InvalidInput) as refused:
        PostgresStorage(url)
    assert refused.value.field == field


def test_a_secret_is_in_no_message() -> None:
    """The name of a database in messages says where it is, not how to get in."""
    with pytest.raises(Unavailable) as refused:
        PostgresStorage("postgresql://me:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in str(refused.value)
    assert "the database shop on 127.0.0.1" in str(refused.value)
