"""The command line, called as the console script does."""

import pytest


@pytest.fixture
def run(shell):
    """See ``shell``; here, everything is run by it."""
    return shell
