"""The extension in a real server: it can be created, survives a kill -9, and does not work unless it is preloaded."""

import psycopg2
import pytest

from harness.await_ import await_
from harness.environment import Environment


def test_create_extension(bank):
    bank.start_service()
    assert bank.value("select extversion from pg_extension where extname = 'pg_standin'") == "0.1.0"


def test_supervisor_comes_back_after_kill9(bank):
    supervisor = "select pid from pg_stat_activity where backend_type = 'pg_standin supervisor'"
    before = await_("the supervisor", lambda: bank.value(supervisor))
    bank.service.kill9()
    bank.service.start()
    assert await_("the supervisor after the crash", lambda: bank.value(supervisor)) != before


def test_without_preloading_it_says_what_to_set():
    bank = Environment()
    try:
        bank.start_service(extension=False, settings={"shared_preload_libraries": ""})
        with pytest.raises(psycopg2.Error) as error:
            bank.query("create extension pg_standin")
        assert error.value.pgcode == "55000"
        assert "shared_preload_libraries" in f"{error.value.diag.message_primary} {error.value.diag.message_hint}"
    finally:
        bank.stop()
