"""From the name in ``env.map_name`` to an environment: what is called must be a maker of PettingZoo's environments.

A run directory is data, and it names what is called here: so only what can be seen to be a maker is called.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.foreign_code import ForeignError, foreign_call
from seed_matrace.foreign_files import shown

_EXPECTED = "env.map_name = 'package.module' with a parallel_env in it, or 'package.module.function', expected"


def package_version(map_name: str) -> str:
    """Version of the package that an environment's function is in, as "mpe2-1.1.1"."""
    package = map_name.split(".")[0]
    try:
        return f"{package}-{importlib.metadata.version(package)}"
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return package


def make_parallel_env(config: EnvOptions) -> Any:
    """The environment that a configuration names.

    Raises:
      ForeignError: there is none of that name, what has the name is no maker, or it makes something else.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # pygame greets on stdout, where results are read from
    name, arguments = config.map_name, config.arguments or {}
    maker = find_maker(name)
    try:
        inspect.signature(maker).bind(**arguments)
    except TypeError as error:
        raise ForeignError(f"{name} does not take env.arguments = {shown(arguments)}: {error}") from None
    except ValueError:  # it has no signature that Python knows
        pass
    with foreign_call(name, "making it"):
        env = maker(**arguments)
    has = {}
    for part in ("possible_agents", "reset", "step", "agent_iter"):
        with foreign_call(name, part):
            has[part] = hasattr(env, part)
    if has.pop("agent_iter") or not all(has.values()):
        raise ForeignError(
            f"{name} makes {type(env).__name__}, which is no parallel environment with possible_agents; "
            "PettingZoo's modules have a function parallel_env, and pettingzoo.utils.aec_to_parallel turns others"
        )
    return env


def find_maker(name: str) -> Callable[..., Any]:
    """The maker of that name, or ``parallel_env`` of the module of that name; nothing is called for it.

    Raises:
      ForeignError: there is none of that name, or what has the name is no maker of PettingZoo's environments.
    """
    first, *rest = name.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        raise ForeignError(f"{name!r} is no name of Python's; {_EXPECTED}")
    if first in sys.stdlib_module_names or any(part.startswith("__") for part in rest):
        raise ForeignError(f"{name} makes no environment of PettingZoo's: it is Python's own; {_EXPECTED}")
    found, path, tried = _imported(name)
    for attribute in (tried or "parallel_env").split("."):
        with foreign_call(name, f"looking up {attribute}"):
            found = getattr(found, attribute, None)
    if not callable(found):
        raise ForeignError(f"there is no function {tried or 'parallel_env'!r} in {path}; {_EXPECTED}")
    problem = _no_maker(found)
    if problem:
        raise ForeignError(f"{name} is {problem}, so it is not called; {_EXPECTED}")
    return found


def _imported(name: str) -> tuple[Any, str, str]:
    """The module that most of the name leads to, its name, and the rest."""
    path, tried = name, ""
    while path:
        try:
            with foreign_call(name, f"importing {path}"):
                return importlib.import_module(path), path, tried
        except ForeignError as fault:
            error = fault.__cause__
            if not isinstance(error, ModuleNotFoundError):
                raise
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise ForeignError(f"{name} needs the package {error.name}, which is not installed") from error
            path, _, last = path.rpartition(".")
            tried = f"{last}.{tried}" if tried else last
    raise ForeignError(f"there is no module {name.split('.')[0]!r} (for {name!r}); install its package. {_EXPECTED}")


def _no_maker(found: Any) -> str:
    """What ``found`` is, if that is not a maker of environments; "" if it may be called."""
    try:
        from pettingzoo import AECEnv, ParallelEnv
    except ImportError:
        raise ForeignError("PettingZoo is not installed: pip install 'seed_matrace[pettingzoo]'") from None
    while isinstance(found, functools.partial):
        found = found.func
    if isinstance(found, type):
        return "" if issubclass(found, ParallelEnv) else "a class that is no pettingzoo.ParallelEnv"
    found = inspect.unwrap(found)
    found = getattr(found, "__func__", found)
    if not inspect.isfunction(found):  # an object that can be called
        found = inspect.getattr_static(type(found), "__call__", None)
    module = getattr(found, "__module__", None)
    if not inspect.isfunction(found) or not isinstance(module, str):
        return "not written in Python"
    package = module.split(".")[0]
    if package in sys.stdlib_module_names:
        return f"a function of Python's own module {module}"
    if package == "pettingzoo" or (package != "seed_matrace" and _is_own(module)) or _requires(package):
        return ""
    for value in found.__globals__.values():
        kind = value if isinstance(value, type) else None
        of = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        if kind is not None and issubclass(kind, ParallelEnv | AECEnv):
            return ""
        if isinstance(of, str) and of.split(".")[0] == "pettingzoo":
            return ""
    return f"a function of {module}, which has nothing to do with PettingZoo"


def _is_own(module: str) -> bool:
    """Whether a module is the user's: not one of the installed packages."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return not file or not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _requires(package: str) -> bool:
    """Whether an installed package says that it needs PettingZoo."""
    try:
        needs = importlib.metadata.requires(package) or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return any(need.lower().startswith("pettingzoo") and "extra" not in need for need in needs)
