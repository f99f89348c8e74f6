"""A model prepared once for a device, and images of any size and number of dimensions through it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sr.errors import ConfigError, ImageError
from napari_sr.images.axes import Layout, guess_axes, guess_note
from napari_sr.images.dtypes import output_dtype
from napari_sr.images.foreign import as_image
from napari_sr.images.selection import Selection
from napari_sr.inference.backend import Amount, checked_backend, iter_backend
from napari_sr.inference.conditions import Conditions, PlaneConditions, checked_conditions
from napari_sr.inference.device import Prepared, choose
from napari_sr.inference.events import Event, Finished
from napari_sr.inference.fixed_channels import FixedChannels, iter_fixed_channels
from napari_sr.inference.parts import Part, PlaneFits
from napari_sr.inference.plane import Plane, upscale_plane
from napari_sr.inference.plane_runs import allocate, amount_of, as_progress, checked_image, constant, iter_planes
from napari_sr.inference.runner import Runner, interruptible
from napari_sr.inference.tiling import choose_tiling, iter_tiling
from napari_sr.models.model import Model


class Upscaler:
    """A model prepared once: copied, folded and cast for a device, for any number of images.

    One image at a time: an upscaler belongs to the thread that uses it.

    Parameters
    ----------
    model
        From :func:`napari_sr.load_model`.
    device, precision
        ``auto``, or e.g. ``"cpu"``, ``"cuda:0"``; ``"fp32"``, ``"bf16"``, ``"fp16"``.
    tile
        Tile side in LR pixels, or ``auto``. What is given is never changed.
    overlap
        Context in LR pixels on each side of a tile; from the model card if None.
    backend
        ``torch``, ``openvino`` (processors only), or ``auto`` for the faster one where it is worth to find out.

    Raises
    ------
    ConfigError
        If a setting cannot be used here, or the model has more than one channel.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: str = "auto",
        precision: str = "auto",
        tile: int | str = "auto",
        overlap: int | None = None,
        backend: str = "auto",
    ) -> None:
        if (channels := (model.card.in_channels, model.card.out_channels)) != (1, 1):
            raise ConfigError(
                f"{model.card.name} turns {channels[0]} channels into {channels[1]}; only models of one channel run "
                "here. Trained further on your images (Train), it becomes one."
            )
        self.channels: FixedChannels | None
        self.model, self.overlap = model, overlap
        self.tile = None if tile == "auto" else int(tile)
        target = choose(device, precision, rounds_badly=model.network.rounds_badly)
        self.prepared = Prepared(model, target)
        self.backend = checked_backend(backend, target.device)
        #: True if it was found out what holds for an image, and what was measured of it
        self.for_one_image, self.channels = False, None

    @property
    def scale(self) -> int:
        """Of the model."""
        return self.model.scale

    def pinned(self, image: Any, layout: Layout, index: tuple[int, ...]) -> Upscaler:
        """Return an upscaler whose intensities are always those of one whole plane, whatever part of it it is given.

        It shares the prepared networks of this one.
        """
        intensity = self.model.intensity
        if not intensity.depends_on_image and intensity.kind != "log":
            return self
        fitted = PlaneFits(image, layout, self.model)(index)[0]
        if fitted.log_offset is None:
            fixed = replace(intensity, kind="fixed", low=fitted.low, high=fitted.high)
        else:
            fixed = replace(intensity, unit=fitted.unit(intensity))
        other = copy.copy(self)
        other.model = replace(self.model, card=replace(self.model.card, intensity=fixed.to_dict()))
        other.prepared = self.prepared.of(other.model)
        return other

    def fixed(self, channels: FixedChannels) -> Upscaler:
        """Return an upscaler that scales the channels of its network by the same factors everywhere."""
        other = copy.copy(self)
        other.model, other.channels = channels.of(self.model), channels
        other.prepared = Prepared(other.model, self.prepared.target)
        return other

    def iter_for(
        self, image: Any, layout: Layout, *, pixels: int, should_stop: Callable[[], bool] | None = None
    ) -> Generator[str, None, Upscaler]:
        """Return the upscaler for one image: like this one, or where that pays one with :meth:`fixed` channels.

        Not where tiles or their context were chosen: they are then weighed one by one. Yields a sentence before it
        measures; see :func:`iter_fixed_channels`. What it returns never measures again, whatever it is given.
        """
        if self.for_one_image or self.tile is not None or self.overlap is not None:
            return self
        found = yield from iter_fixed_channels(
            self.model, self.prepared.target, image, layout, pixels=pixels, should_stop=should_stop
        )
        other = copy.copy(self) if found is None else self.fixed(found)
        other.for_one_image = True
        return other

    def told(
        self, image: Any, layout: Layout, index: tuple[int, ...], conditions: Conditions | None = None
    ) -> dict[str, float]:
        """Return what the network is told of one plane: what is given, the rest estimated from the whole image.

        Given conditions that the network cannot be told are left out.
        """
        known = {c.name for c in self.model.network.conditions}
        given = checked_conditions(self.model, {k: v for k, v in (conditions or {}).items() if k in known})
        return PlaneConditions(image, layout, self.model, given, PlaneFits(image, layout, self.model))(index)

    def __call__(self, image: Any, **settings: Any) -> Any:
        """Super-resolve an image and return the result; the settings are those of :meth:`iter`."""
        for event in self.iter(image, **settings):
            if isinstance(event, Finished):
                return event.image
        raise AssertionError("unreachable: the last event is Finished")

    def iter(
        self,
        image: Any,
        *,
        axes: str | None = None,
        conditions: Conditions | None = None,
        dtype: npt.DTypeLike | None = None,
        out: Any = None,
        rows: slice = slice(None),
        columns: slice = slice(None),
        take: Mapping[str, tuple[int, ...]] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Generator[Event, None, None]:
        """Super-resolve an image, one event a tile; closing the generator cancels and leaves nothing behind.

        The intensity transform is that of every whole plane. See :func:`~napari_sr.inference.one_call.iter_upscale` for
        parameters, events and errors.
        """
        image, axes_of = as_image(image, axes)
        shape = tuple(int(n) for n in image.shape)
        layout = Layout(axes_of or guess_axes(shape, dtype=np.dtype(image.dtype)), shape)
        guessed = guess_note(layout.shape, layout.axes) if axes_of is None else ""
        image = checked_image(image)
        # what does not fit into a given array is cut at its limits and counted, not wrapped around
        out_dtype = output_dtype(np.dtype(image.dtype), dtype if out is None else out.dtype)
        part = Part(image, layout, Selection(rows, columns, take or {}))
        out_shape = part.layout.upscaled_shape(self.scale)
        if out is not None and tuple(out.shape) != out_shape:
            raise ImageError(f"out has shape {tuple(out.shape)}, but the result has {out_shape}.")
        told = checked_conditions(self.model, conditions)
        start = time.perf_counter()
        if out is None:
            out = allocate(out_shape, out_dtype)
        job = amount_of(part.layout)
        for_image = self.iter_for(image, layout, pixels=job.pixels, should_stop=should_stop)
        upscaler = yield from as_progress(for_image, start)
        runner = yield from as_progress(upscaler._iter_runner(part.layout, job, should_stop), start)
        runner.notes += [guessed] if guessed else []
        fits = PlaneFits(image, layout, self.model)
        conditions_of = PlaneConditions(image, layout, self.model, told, fits)
        yield from iter_planes(runner, part, fits, conditions_of, out, out_dtype, should_stop)

    def _iter_runner(
        self, part: Layout, job: Amount, should_stop: Callable[[], bool] | None
    ) -> Generator[str, None, Runner]:
        """Choose the tiles, and who computes them; yields a sentence before what takes long."""
        any_network = self.prepared.network({})
        with interruptible(any_network, should_stop):
            tiling = yield from iter_tiling(
                self.model, any_network, self.prepared.target, shape=part.plane_shape, planes=part.plane_count(),
                tile=self.tile, overlap=self.overlap,
            )  # fmt: skip
            backend, tiling = yield from iter_backend(
                self.prepared, self.backend, tiling, job, tile_given=self.tile is not None
            )
        return Runner(self.prepared, tiling, self.tile is not None, backend=backend, should_stop=should_stop)

    def window(
        self,
        image: Any,
        *,
        axes: str,
        index: tuple[int, ...],
        rows: slice,
        columns: slice,
        conditions: Conditions | None = None,
        dtype: npt.DTypeLike | None = None,
        fits: PlaneFits | None = None,
    ) -> Finished:
        """Super-resolve a window of one plane, with the intensity transform of the whole plane.

        Parameters
        ----------
        image, axes, conditions, dtype
            As in :func:`~napari_sr.inference.one_call.iter_upscale`; ``image`` is the whole one.
        index
            Position along the axes other than Y, X and S, in their order.
        rows, columns
            The window, in LR pixels.
        fits
            Of this image and model, if they were found before: of a large image, that takes seconds.

        Returns
        -------
        Finished
            The image has shape (rows, columns) or (rows, columns, samples), times the scale.
        """
        layout = Layout(axes, tuple(int(n) for n in image.shape))
        start = time.perf_counter()
        fits = fits or PlaneFits(image, layout, self.model)
        told = PlaneConditions(image, layout, self.model, checked_conditions(self.model, conditions), fits)
        others = [a for a in axes if a not in "YX"]
        samples = layout.shape[axes.index("S")] if "S" in axes else 0
        out_dtype = output_dtype(np.dtype(image.dtype), dtype)
        channels = []
        for sample in range(samples or 1):
            rest = iter(index)
            full = tuple(sample if a == "S" else next(rest) for a in others)
            plane = layout.take(image, full, rows, columns)
            part = Layout("YX", plane.shape)
            out = np.empty(part.upscaled_shape(self.scale), out_dtype)
            conditions_here = told(full)
            tiling = choose_tiling(
                self.model, self.prepared.network(conditions_here), self.prepared.target, shape=part.plane_shape,
                planes=1, tile=self.tile, overlap=self.overlap,
            )  # fmt: skip
            runner = Runner(self.prepared, tiling, tile_given=self.tile is not None, conditions=conditions_here)
            piece = Plane(plane, part, (), out, out_dtype, is_alpha=layout.is_alpha(full))
            for _ in upscale_plane(runner, piece, partial(constant, fits(full))):
                pass
            channels.append(out)
        result = np.stack(channels, axis=-1) if samples else channels[0]
        megapixels = result.shape[0] * result.shape[1] / 1e6
        return Finished(result, runner.report(part, time.perf_counter() - start, megapixels))
