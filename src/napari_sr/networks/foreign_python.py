"""Networks that come with the Python code which defines them, as in packages of bioimage.io.

The code runs with all rights of the user, and only where the user has allowed it.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import linecache
import sys
import threading
import zipfile
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from napari_sr.errors import SRError
from napari_sr.networks import NETWORKS
from napari_sr.networks.foreign_module import ModuleNetwork

ABOUT, CODE, WEIGHTS = "about.json", "network.py", "weights.safetensors"
#: every entry has this time, so that the same network has the same bytes
NO_TIME = (1980, 1, 1, 0, 0, 0)
_RUNNING = threading.RLock()


@NETWORKS.register("python", title="Network with Python code of its own")
class PythonNetwork(ModuleNetwork):
    """A module that code of the model builds: a zip file of a source file, settings and weights; see :func:`packed`."""

    def open(self, contents: bytes, device: torch.device) -> Any:
        try:
            with zipfile.ZipFile(io.BytesIO(contents)) as archive:
                about = json.loads(archive.read(ABOUT))
                code = archive.read(CODE) if CODE in archive.namelist() else None
                state = load(archive.read(WEIGHTS))
            name, settings, library = str(about["callable"]), dict(about["settings"]), str(about["library"])
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise SRError(f"The model's own network is damaged ({type(error).__name__}: {error}).") from None
        where = _of_library(library) if code is None else _of_source(code)
        if not hasattr(where, name):
            raise SRError(f"The model's code defines no {name}.")
        module = _foreign(getattr(where, name), **settings)
        if not isinstance(module, nn.Module):
            raise SRError(f"{name} of the model's code makes no torch module.")
        try:
            _foreign(module.load_state_dict, state)
        except SRError as error:
            raise SRError(f"The weights do not fit {name}. {error}") from None
        return module.to(device).eval()

    def call(self, module: Any, image: Tensor) -> Any:
        try:
            return module(image)
        except RuntimeError:  # too little memory is said by one, and smaller tiles are tried then
            raise
        except (Exception, SystemExit) as error:
            raise _failed(error) from error


def packed(
    name: str, settings: Mapping[str, Any], state: Mapping[str, Tensor], *, code: bytes | None, library: str = ""
) -> bytes:
    """Return the contents of a :class:`PythonNetwork`.

    Parameters
    ----------
    name
        Of a class or function.
    settings
        Its keyword arguments.
    state
        Weights, which must fit exactly.
    code, library
        Where it is defined: in a source file, or else in an installed module.
    """
    about = {"callable": name, "settings": dict(settings), "library": library}
    entries = {ABOUT: json.dumps(about, sort_keys=True).encode(), CODE: code, WEIGHTS: save(_apart(state))}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for entry, contents in entries.items():
            if contents is not None:
                archive.writestr(zipfile.ZipInfo(entry, NO_TIME), contents)
    return made.getvalue()


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return arrays that share no memory, as safetensors wants them."""
    return {key: value.detach().clone().contiguous() for key, value in state.items()}


def _of_source(code: bytes) -> ModuleType:
    """Run a source file, once; its module is known by its hash, so that what it defines can be pickled."""
    name = f"napari_sr_own_{hashlib.sha256(code).hexdigest()[:16]}"
    with _RUNNING:  # several threads may open the same model, and must not see a module that is half made
        if name not in sys.modules:
            module, file = ModuleType(name), f"<{name}>"
            module.__file__ = file
            text = code.decode("utf-8", "replace")
            # torch.jit.script looks for the source of what it is given
            linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
            sys.modules[name] = module  # dataclasses look themselves up there while they are made
            try:
                _foreign(exec, _foreign(compile, code, file, "exec", dont_inherit=True), module.__dict__)
            except BaseException as error:
                del sys.modules[name]
                if isinstance(error, SRError):
                    raise SRError(f"The model's code cannot be run. {error}") from None
                raise
        return sys.modules[name]


def _of_library(library: str) -> ModuleType:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise SRError(f"The model needs {library}, which is not installed ({_first_line(error)}).") from None
    except (Exception, SystemExit) as error:
        raise SRError(f"The model needs {library}, which cannot be imported. {_failed(error)}") from error


def _foreign(call: Any, *args: Any, **settings: Any) -> Any:
    """Call what others wrote, which may raise anything, and leave the program."""
    try:
        return call(*args, **settings)
    except (Exception, SystemExit) as error:
        raise _failed(error) from error


def _failed(error: BaseException) -> SRError:
    return SRError(f"The model's own code failed: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
