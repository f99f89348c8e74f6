"""The command line, called as the console script does."""

import sys

import pytest

from napari_sr.cli.app import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line as the console script does; returns (exit code, output, errors)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["napari-sr", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
