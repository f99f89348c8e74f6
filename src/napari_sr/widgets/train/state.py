"""What *Train* shows, as it follows from what was chosen. Nothing here knows Qt."""

from __future__ import annotations

from dataclasses import dataclass

NO_IMAGE = "Open high-resolution images, or File ▸ Open Sample ▸ Super-resolution ▸ N-body training stack."
NO_FOLDER = "Choose a folder of high-resolution images."
NO_NAME = "Give the model a name."
LOADING = "Loading the list of models …"


@dataclass(frozen=True)
class Choices:
    """What was chosen, and what is going on.

    Attributes
    ----------
    ready
        Models and recipes are listed.
    on_layers, has_images, has_lr
        Images are layers rather than files; some are chosen; low-resolution ones are, too.
    name
        Of the model to be trained.
    running, stopping, paused
        A training is under way, was asked to stop, or is paused.
    started, reported
        There are settings of a run to export; and a report.
    earlier, undecided
        There are earlier runs to go on with; the chosen one waits for an answer.
    """

    ready: bool = False
    on_layers: bool = True
    has_images: bool = False
    has_lr: bool = False
    name: str = ""
    running: bool = False
    stopping: bool = False
    paused: bool = False
    started: bool = False
    reported: bool = False
    earlier: bool = False
    undecided: bool = False


@dataclass(frozen=True)
class State:
    """What can be pressed, and what is said."""

    can_choose: bool
    can_degrade: bool
    can_train: bool
    can_pause: bool
    can_resume: bool
    can_choose_run: bool
    can_export: bool
    can_report: bool
    shows_runs: bool
    pause_text: str
    resume_text: str
    hint: str


def resolve(choices: Choices) -> State:
    """Return what follows from the choices."""
    idle = choices.ready and not choices.running
    missing = "" if choices.has_images else NO_IMAGE if choices.on_layers else NO_FOLDER
    return State(
        can_choose=not choices.running,
        can_degrade=not choices.has_lr,
        can_train=idle and choices.has_images and bool(choices.name),
        can_pause=choices.running and not choices.stopping,
        can_resume=idle,
        can_choose_run=not choices.running,
        can_export=choices.started,
        can_report=choices.reported,
        shows_runs=choices.earlier,
        pause_text="Go on" if choices.paused and choices.running else "Pause",
        resume_text="Decide" if choices.undecided else "Resume",
        hint=LOADING if not choices.ready else "" if not idle else missing or ("" if choices.name else NO_NAME),
    )
