"""The servers of the test run itself."""

import psycopg
import redis
from django.conf import settings


def test_the_run_has_its_own_database_server() -> None:
    database = settings.DATABASES["default"]
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname="postgres",
    ) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, current_setting('fsync') FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, True, "off")


def test_the_run_has_its_own_redis(clean_redis: redis.Redis) -> None:
    assert clean_redis.dbsize() == 0
