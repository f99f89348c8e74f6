"""What was found in a file of another program, in words and in numbers, and what the file leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from napari_sr.errors import ModelError
from napari_sr.intensity import Intensity

#: names of arrays, and the arrays
State = Mapping[str, Tensor]

#: What networks for photographs expect: 0 to 1 for black to white. Percentiles, since few images of more than 8 bit
#: fill their type, and a hot pixel must not make the rest black. Nothing is cut.
PHOTOGRAPH = Intensity(kind="percentile", low=0.1, high=99.9)


@dataclass(frozen=True)
class Question:
    """What a file leaves open.

    Attributes
    ----------
    key
        What the answer goes by: ``answers={key: choice}``.
    text
        The question, a sentence.
    choices
        Possible answers.
    default
        What is taken if nobody answers; None if that would be a guess.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    default: str | None = None


class OpenQuestion(ModelError):
    """A file that can be read in several ways; ``question`` says which."""

    def __init__(self, question: Question, file: str = "") -> None:
        choices = ", ".join(question.choices)
        file = f"{file}: " if file else ""
        super().__init__(f"{file}{question.text} The file does not say; answer with {question.key}, one of: {choices}.")
        self.question = question


class Answers:
    """What the user says about a file, and what was asked.

    Parameters
    ----------
    given
        Choices by the keys of questions.
    """

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        self._given = {key: str(value) for key, value in (given or {}).items()}
        self.assumed: list[str] = []
        self._asked: list[str] = []

    def unasked(self) -> list[str]:
        """Return the keys of what was said and nobody has asked for."""
        return [key for key in self._given if key not in self._asked]

    def asked(self) -> list[str]:
        """Return the keys of the questions that came up."""
        return list(self._asked)

    def to(self, question: Question) -> str:
        """Return the answer to a question, or its default.

        Raises
        ------
        OpenQuestion
            If there is neither.
        ModelError
            If the answer is none of the choices.
        """
        self._asked += [] if question.key in self._asked else [question.key]
        answer = self._given.get(question.key, question.default)
        if answer is None:
            raise OpenQuestion(question)
        if answer not in question.choices:
            raise ModelError(
                f"{question.text} {answer!r} is no answer; {question.key} can be: {', '.join(question.choices)}."
            )
        if question.key not in self._given:
            sentence = f"{question.key} = {answer} was assumed ({' or '.join(question.choices)})"
            self.assumed += [] if sentence in self.assumed else [sentence]
        return answer

    def given(self, key: str) -> str | None:
        """Return what was said of ``key`` without being asked."""
        self._asked += [] if key in self._asked else [key]
        return self._given.get(key)


@dataclass(frozen=True)
class Detected:
    """What a file holds, for people.

    Attributes
    ----------
    architecture
        Name of the network, and of the layout of its weights.
    hyper_parameters
        That were read from the shapes.
    scale, channels
        Upscaling factor; channels in and out as the file has them.
    container
        Where in the file the weights were.
    notes
        Sentences on what was left out, folded or assumed.
    """

    architecture: str
    hyper_parameters: Mapping[str, Any]
    scale: int
    channels: tuple[int, int]
    container: str
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return all of it as a paragraph."""
        hidden = ("scale", "in_channels", "out_channels", "around", "network", "settings")
        settings = ", ".join(
            f"{name} {value}"
            for name, value in self.hyper_parameters.items()
            if name not in hidden and value not in (None, "none", (), [], {})
        )
        several = f"{self.channels[0]} to {self.channels[1]} channels"
        channels = {(1, 1): "grey", (3, 3): "RGB"}.get(self.channels, several)
        parts = [f"{self.architecture}, ×{self.scale}, {channels}" + (f" ({settings})" if settings else "")]
        parts += [self.container] if self.container else []
        return ". ".join((*parts, *self.notes)) + "."


@dataclass(frozen=True)
class Found:
    """A network of ours and its weights, as they come out of a file.

    Attributes
    ----------
    network, hyper_parameters
        Name in ``NETWORKS``, and what it is built with.
    state
        Its state dict.
    detected
        For people.
    intensity, trained_patch, measure
        For the card; ``measure``: how far the network sees is to be measured on it.
    about
        Other fields of the card: title, description, licence, …
    """

    network: str
    hyper_parameters: Mapping[str, Any]
    state: State
    detected: Detected
    intensity: Intensity = PHOTOGRAPH
    trained_patch: int = 0
    measure: bool = True
    about: Mapping[str, Any] = field(default_factory=dict)


def shortened(name: str, most: int = 80) -> str:
    """Return a name from a file, which may be of any length, for a message."""
    return name if len(name) <= most else f"{name[:most]}…"


def first_names(state: State | Sequence[str], count: int = 3) -> str:
    """Return the first few names of arrays, for messages."""
    names = list(state)
    return ", ".join(repr(shortened(n)) for n in names[:count]) + (", …" if len(names) > count else "")
