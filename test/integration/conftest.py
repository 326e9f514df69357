"""Fixtures of the integration tests: an environment a module, whose logs are printed when a test of it fails."""

import pytest

from harness import scratch
from harness.environment import Environment


@pytest.fixture(scope="module")
def bank(request):
    """An empty environment; the test starts the parts that it needs."""
    environment = Environment()
    failed = request.session.testsfailed
    yield environment
    if request.session.testsfailed > failed:
        print(environment.logs())
        print(f"data and logs are kept in {environment.directory}")
        scratch.keep(environment.directory)
    environment.stop()
    if environment.service:
        # An assertion of test builds (src/pg/user_code.cpp), which a worker may survive.
        assert "with the product's rights" not in environment.service.process.log.read_text(errors="replace")
