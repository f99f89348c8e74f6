"""Options of commands that open models of other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_sr.errors import ConfigError

ANSWERS = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="KEY=CHOICE",
        help="What a model file of another program leaves open, such as scale=4; the question says the choices.",
    ),
]
ALLOW_CODE = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Also open a model file that holds program code, which then runs. Only if you trust where it came from.",
    ),
]


def answers_of(given: list[str] | None) -> dict[str, str]:
    """Return answers by key; raises :class:`ConfigError` for one that is not ``key=choice``."""
    answers = {}
    for text in given or ():
        key, sign, choice = text.partition("=")
        if not (sign and key and choice):
            raise ConfigError(f"--answer {text}: write it as key=choice, for example scale=4.")
        answers[key.strip()] = choice.strip()
    return answers
