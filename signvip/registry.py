"""The registry of plugins: entry points of the group `signvip`, and files given by `--plugin`.

Each module is loaded in a guard of its own: pluggy's loader dies with the first plugin that fails to
import, and one that is broken, exits, prints or hangs must not take the others, or a command, with it.
"""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pluggy
from pydantic import ValidationError

from signvip import hookspecs
from signvip.contracts import Config
from signvip.discovery.distributions import GROUP, Entry, installed
from signvip.discovery.guard import describe, guarded
from signvip.errors import ConfigError, PluginError, SignVipWarning, suggest
from signvip.settings import explain

OWN = "signvip"  # the distribution whose plugins need no guard
_NAME = re.compile(r"\w[\w.+-]{0,59}")  # of a plugin: it becomes part of file names and of what is printed
SIZES = {
    "translator": ("tokens_per_frame", "vocab_size"),
    "denoiser": ("channels", "embedding_channels"),
}  # what a class takes beside its `Config`
FACTS = {"translator": ("digits",)}  # what it is told where its constructor asks
KINDS = ("condition", "quantizer", "translator", "denoiser", "dataset", "estimator", "metric")


@dataclass(frozen=True)
class Plugin:
    """One record of `signvip.plugins()`; a module that failed to load has kind "" and an error."""

    kind: str
    name: str
    distribution: str
    version: str
    error: str | None = None
    target: type | str | None = None

    @property
    def cls(self) -> type | None:
        """The class, None for a module that failed to load; "module:Class" is imported here, or a PluginError."""
        if not isinstance(self.target, str):
            return self.target
        target = self.target
        try:
            return cast("type", foreign(self.distribution, lambda: pkgutil.resolve_name(target)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin is foreign code: whatever it raises is reported as its own
            raise PluginError(
                f"The {self.kind} '{self.name}' of {self.distribution} failed to load ({describe(error)}); repair or "
                "reinstall that package."
            ) from error


class Registry:
    """All installed plugins, by kind and name."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.records: list[Plugin] = []
        self.files: list[Path] = []
        self._failed_to_log: set[str] = set()
        for entry in entries:
            self._load(entry.name, entry.distribution, entry.version, entry.load)

    def add_file(self, path: Path) -> None:
        """Load a plugin from a single Python file."""
        if path.absolute() in self.files:
            return
        self.files.append(path.absolute())
        self._load(path.stem, str(path), "", lambda: _import_file(path))

    def get(self, kind: str, name: str) -> type:
        """Return the class registered as `name`; PluginError with the nearest name otherwise."""
        found = [record for record in self.records if (record.kind, record.name) == (kind, name)]
        if len(found) > 1:
            owners = " and ".join(record.distribution for record in found)
            raise PluginError(f"Two plugins register the {kind} '{name}': {owners}; uninstall one of them.")
        if not found or found[0].cls is None:
            raise PluginError(self._unknown(kind, name))
        return found[0].cls

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Give a row of a training's log to every plugin; one that fails is named once, and stops nothing."""
        for hook in reversed(self.manager.hook.on_log.get_hookimpls()):
            row = {"stage": stage, "step": step, "values": dict(values)}
            try:
                hook.function(*(row[name] for name in hook.argnames))
            except (Exception, SystemExit) as error:
                if hook.plugin_name not in self._failed_to_log:
                    self._failed_to_log.add(hook.plugin_name)
                    _tell(
                        f"{hook.plugin_name} failed to log step {step} of {stage} ({describe(error)}); the training "
                        "goes on, and this is said once."
                    )

    def names(self, kind: str) -> list[str]:
        """Return the names registered for a kind, sorted."""
        return sorted({record.name for record in self.records if record.kind == kind})

    def find(self, name: str | None = None, kind: str | None = None) -> list[Plugin]:
        """Return the records of a name and a kind, None for any; PluginError where a name has none."""
        if kind is not None and kind not in KINDS:
            raise PluginError(f"There is no kind '{kind}' of plugin; use one of {', '.join(KINDS)}.")
        of_kind = [record for record in self.records if kind in (None, record.kind)]
        found = [record for record in of_kind if name in (None, record.name)]
        if name is not None and not found:
            known = sorted({record.name for record in of_kind})
            raise PluginError(f"There is no {kind or 'plugin'} '{name}'; {suggest(name, known)}")
        return found

    def usual(self, kind: str) -> str | None:
        """Return the plugin of a kind that is used by default, by what its class says; None without one."""
        return next((name for name in self.names(kind) if self._is_usual(kind, name)), None)

    def _is_usual(self, kind: str, name: str) -> bool:
        try:
            return bool(getattr(self.get(kind, name), "usual", False))
        except PluginError:  # a broken one stops no command that does not need it
            return False

    def _load(self, name: str, distribution: str, version: str, load: Callable[[], object]) -> None:
        plugin, before = f"{distribution}:{name}", len(self.records)

        def meet() -> None:
            module = load()
            self.manager.register(module, name=plugin)
            self.manager.check_pending()  # a misspelt hook would register nothing, in silence
            for kind in KINDS:
                self._collect(kind, module, distribution, version)

        try:
            foreign(distribution, meet)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # foreign code, as above
            if self.manager.has_plugin(plugin):
                self.manager.unregister(name=plugin)
            self.records[before:] = [Plugin("", name, distribution, version, error=describe(error))]

    def _collect(self, kind: str, module: object, distribution: str, version: str) -> None:
        def register(name: str, cls: type | str) -> None:
            if not (isinstance(name, str) and isinstance(cls, type | str)):
                raise TypeError(f"register(name, cls) takes a name and a class, not {name!r} and {cls!r}")
            if _NAME.fullmatch(name) is None:
                raise ValueError(
                    f"{name[:60]!r} is not a valid name for a plugin; use letters, digits, '.', '_', '+' and '-'"
                )
            self.records.append(Plugin(kind, name, distribution, version, target=cls))

        hook = getattr(module, f"register_{kind}s", None)
        if hook is not None:
            hook(register)

    def _unknown(self, kind: str, name: str) -> str:
        broken = [f"{record.distribution} ({record.error})" for record in self.records if record.error]
        failed = f" These plugins failed to load: {'; '.join(broken)}." if broken else ""
        return f"There is no {kind} '{name}'; {suggest(name, self.names(kind))}{failed}"


@cache
def registry() -> Registry:
    """Return the one registry of this process; plugins are loaded at the first call."""
    return Registry(installed())


def plugins() -> list[Plugin]:
    """Return every installed plugin, and every one that failed to load, with the reason."""
    return list(registry().records)


def plugin_files() -> list[str]:
    """Return the paths of the plugin files that were loaded, for workers that start without them."""
    return [str(path) for path in registry().files]


def plugin_class(kind: str, name: str) -> type:
    """Return the class registered as `name`; PluginError with the nearest name for an unknown one."""
    return registry().get(kind, name)


def naming(kind: str, fits: Callable[[type], bool]) -> str:
    """Return how a command line chooses the plugins of a kind whose class fits, for an error's next action."""
    classes = {record.name: _class_or_none(record) for record in registry().records if record.kind == kind}
    fitting = [name for name, cls in classes.items() if cls is not None and fits(cls)]
    return " or ".join(f"--{kind} {name}" for name in fitting) or f"another {kind}"


def drawing(key: str) -> str:
    """Return how a command line chooses a condition that is drawn from a key of `Clip.known`."""
    return naming("condition", lambda cls: key in getattr(cls, "needs", ()))


def _class_or_none(record: Plugin) -> type | None:
    try:
        return record.cls
    except PluginError:
        return None


def configure(kind: str, name: str, options: dict[str, Any]) -> Any:
    """Validate a plugin's options into its nested `Config`; ConfigError names every bad key at once."""
    cls = plugin_class(kind, name)
    model: type[Config] = getattr(cls, "Config", Config)
    try:
        return model(**options)
    except ValidationError as error:
        faults = explain(error, prefix=f"{kind} {name}", known=model.model_fields)
        raise ConfigError(f"{faults}; see: signvip plugins show {name}") from error


def build(kind: str, name: str, /, **options: Any) -> Any:
    """Build a plugin from its options.

    A translator also takes `tokens_per_frame` and `vocab_size`, and `digits` where its class asks for them; a denoiser
    `channels` and `embedding_channels`. A size may be left out where the class has a default for it.
    """
    if kind not in KINDS:
        raise PluginError(f"There is no kind '{kind}' of plugin; use one of {', '.join(KINDS)}.")
    cls = plugin_class(kind, name)
    sizes = {key: options.pop(key) for key in SIZES.get(kind, ()) if key in options}
    missing = [key for key in SIZES.get(kind, ()) if key not in sizes and not _has_default(cls, key)]
    if missing:
        raise ConfigError(f"The {kind} '{name}' is built for a size; also give {' and '.join(missing)}.")
    facts = {key: options.pop(key) for key in FACTS.get(kind, ()) if key in options}
    return cls(configure(kind, name, options), **sizes, **_asked(cls, facts))


def _has_default(cls: type, key: str) -> bool:
    """Return whether a constructor can do without an argument."""
    found = inspect.signature(cls).parameters.get(key)
    return found is not None and found.default is not inspect.Parameter.empty


def _asked(cls: type, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts for which a constructor has a parameter."""
    return {key: value for key, value in facts.items() if key in inspect.signature(cls).parameters}


def foreign(distribution: str, run: Callable[[], Any]) -> Any:
    """Run the code of a distribution in a guard; what it prints or warns of is told under its name."""
    if distribution == OWN:
        return run()
    with guarded() as heard:
        result = run()
    if heard.printed:
        _tell(f"{distribution} prints while it is imported, which is kept from stdout: {heard.printed}")
    for warning in heard.warned:
        _tell(f"{distribution} warns while it is imported: {warning}")
    return result


def _tell(words: str) -> None:
    warnings.warn(" ".join(words.split()), SignVipWarning, stacklevel=3)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError(f"There is no plugin file {path}; give the path of a Python file.")
    spec = importlib.util.spec_from_file_location(f"signvip_plugin_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks annotations up there, and pickle the classes
    spec.loader.exec_module(module)
    return module
