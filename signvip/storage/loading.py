"""Reading parts that anybody may have made: weights from safetensors, options from JSON, and no code from anywhere.

diffusers imports what `model_index.json` names, and what lies beside a part under that name; so both are looked at
before it sees the folder. What is wrong with a part is a RunError in one sentence, whatever raised it.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from signvip.errors import RunError, SignVipError
from signvip.storage.json_files import parse_object

if TYPE_CHECKING:
    from diffusers import ModelMixin

Model = TypeVar("Model", bound="ModelMixin")

INDEX, OPTIONS, SCHEDULE = "model_index.json", "config.json", "scheduler_config.json"
FORMER = {"signvip.models.denoising": "signvip.models.video_denoiser"}  # where older runs look for a class
WEIGHTS = "diffusion_pytorch_model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# What the libraries would take from a part's options as a place to get code or other weights from.
FOREIGN = ("auto_map", "quantization_config", "attn_implementation", "_attn_implementation")
OTHER_FILES = ("adapter_config.json",)  # by which transformers would load another model
FLOATS = ("F64", "F32", "F16", "BF16")
DEPTHS = ("layers", "convolutions")  # in the names of options that say how many there are
LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it
LARGEST = 1e6  # number in a noise schedule: more steps than anybody trains with


def load_part(folder: Path, cls: type[Model], remedy: str, **options: Any) -> Model:
    """Load a network from its folder; RunError, ending in the remedy, where it is damaged, unfit or asks for code."""
    from signvip.storage.finite import not_finite

    tensors = check_part(folder, remedy)
    with told_of(folder, remedy):
        model: Any
        model, info = cls.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **options)
    if info["missing_keys"]:
        raise RunError(f"{folder} has no {sorted(info['missing_keys'])[0]} among its weights; {remedy}")
    weights = model.state_dict()
    if (bad := not_finite(weights)) is not None:
        raise RunError(
            f"{folder} holds numbers that are not finite ({bad}): its training went astray; {remedy}"
        )
    for name, value in weights.items():
        if value.is_floating_point() != (tensors.get(name, "F32") in FLOATS):
            raise RunError(
                f"{folder / WEIGHTS} has {tensors[name]} in the place of {value.dtype} {name}; {remedy}"
            )
    return cast("Model", model)


def check_part(folder: Path, remedy: str) -> dict[str, str]:
    """Refuse a part that holds code, pickles in the place of safetensors, or options that no part of ours has.

    Returns the types of its tensors by name; none where there are several files.
    """
    refuse_code(folder)
    with told_of(folder / OPTIONS, remedy):
        options = parse_object((folder / OPTIONS).read_bytes())
    foreign = [name for name in FOREIGN if name in options]
    others = [name for name in OTHER_FILES if (folder / name).exists()]
    if foreign or others:
        raise RunError(f"{folder} asks for more than its own weights ({(foreign + others)[0]}); {remedy}")
    if not (folder / WEIGHTS).is_file():
        _refuse_pickles(folder)
        return {}  # sharded, or not there: the reader tells
    with told_of(folder / WEIGHTS, remedy):
        tensors = header_of(folder / WEIGHTS)
    # each layer has a weight at least, so that a file bounds how long a network is built
    deep = [
        name
        for name, count in numbers_of(options)
        if any(word in name for word in DEPTHS) and count > len(tensors)
    ]
    if deep:
        raise RunError(
            f"{folder / OPTIONS} asks by {deep[0]} for more than its {len(tensors)} weights are; {remedy}"
        )
    return tensors


def read_index(
    folder: Path, bases: Mapping[str, type], schedulers: Collection[str], apart: Mapping[str, list[str]]
) -> tuple[dict[str, type | str | None], dict[str, Any]]:
    """Return the classes that `model_index.json` names for each part, and its plain values; RunError for other classes.

    `bases` has what each part is or derives from. Only classes that are already there are looked at, so that no name
    in the file is ever imported; of a scheduler the name is given. `apart` has the names of what a denoiser stores
    apart, which has no class here.
    """
    path = folder / INDEX
    refuse_code(folder)
    with told_of(path, "restore it, or get the run again."):
        index = parse_object(path.read_bytes())
    kind = index.get("_class_name", "SignVipPipeline")
    if kind != "SignVipPipeline":
        raise RunError(f"{path} describes {_named(kind)}, no run of SignViP; give another folder.")
    found: dict[str, type | str | None] = {}
    for part, named in index.items():
        if not isinstance(named, list | dict) or named == [None, None]:
            continue
        if named == apart.get(part):
            found[part] = None
            continue
        known = (
            _scheduler(named, schedulers) if part == "scheduler" else _known(bases.get(part), now_in(named))
        )
        if known is None:
            raise RunError(
                f"{path} names {_named(named)} as {part[:40]}, which is none of SignViP's and is not imported; use "
                "only runs that `signvip train` or `signvip import-release` made."
            )
        found[part] = known
    return found, {name: value for name, value in index.items() if not isinstance(value, list | dict)}


def now_in(named: Any) -> Any:
    """Return [module, class] of `model_index.json` with the module that has the class now."""
    if isinstance(named, list) and len(named) == 2 and isinstance(named[0], str):
        return [FORMER.get(named[0], named[0]), named[1]]
    return named


def load_scheduler(folder: Path, name: str, remedy: str) -> Any:
    """Load a diffusers scheduler from its folder, by a name that `read_index` accepted; RunError for a damaged one."""
    import diffusers

    refuse_code(folder)
    path = folder / SCHEDULE
    with told_of(path, remedy):
        options = parse_object(path.read_bytes())
        large = [key for key, number in numbers_of(options) if abs(number) > LARGEST]
        if large:
            raise ValueError(f"{large[0]} is not a number for a noise schedule")
        return getattr(diffusers, name).from_config(options)


def refuse_code(folder: Path) -> None:
    """Raise RunError where there is a Python file, which diffusers would import under the name of a library."""
    code = next(iter(sorted(folder.glob("*.py"))), None)
    if code is not None:
        raise RunError(
            f"{code} is code, which no run holds; remove it, or use a run that you trust without it."
        )


def header_of(path: Path) -> dict[str, str]:
    """Return the names and types of the tensors of a safetensors file; ValueError where it is not one."""
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else LONGEST_HEADER + 1
        if size > LONGEST_HEADER:
            raise ValueError("it is cut short or no safetensors")
        header = file.read(size)
    if len(header) < size:
        raise ValueError("it is cut short")
    tensors = {name: about for name, about in parse_object(header).items() if name != "__metadata__"}
    end = max((about["data_offsets"][1] for about in tensors.values()), default=0)
    if path.stat().st_size != len(start) + size + end:
        raise ValueError("it is cut short")
    return {name: str(about["dtype"]) for name, about in tensors.items()}


@contextmanager
def told_of(path: Path, remedy: str) -> Iterator[None]:
    """Make a RunError of whatever a library raises for a damaged file: each has errors of its own."""
    try:
        yield
    except (SignVipError, PermissionError):
        raise
    except FileNotFoundError as error:
        raise RunError(f"{path} is not there; {remedy}") from error
    except Exception as error:
        if type(error).__name__ == "SafetensorError":
            raise RunError(f"{path} is cut short or damaged; {remedy}") from error
        raise RunError(f"{path} cannot be read ({first_line(error)}); {remedy}") from error


def first_line(error: BaseException) -> str:
    """Return what an error says, without its explanations."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:")[:300] if lines else type(error).__name__


def _refuse_pickles(folder: Path) -> None:
    pickled = next((path for path in sorted(folder.glob("*")) if path.suffix in PICKLES), None)
    if pickled is not None:
        raise RunError(
            f"{pickled} is a pickle, which can run code, and is not opened; if it is your own, make safetensors of "
            f"it with: signvip convert {folder.parent}"
        )


def numbers_of(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number in nested options, with the names that lead to it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers_of(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for part in value:
            yield from numbers_of(part, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def _scheduler(named: Any, schedulers: Collection[str]) -> str | None:
    return next((name for name in schedulers if named == ["diffusers", name]), None)


def _known(base: type | None, named: Any) -> type | None:
    """Return the class by module and name, among those that derive from `base` and are ours or diffusers'."""
    for cls in _family(base) if base is not None else ():
        home = "diffusers" if cls.__module__.startswith("diffusers.") else cls.__module__
        if named == [home, cls.__name__] and home.partition(".")[0] in ("diffusers", "signvip"):
            return cls
    return None


def _family(base: type) -> Iterator[type]:
    yield base
    children: list[type] = base.__subclasses__()
    for child in children:
        yield from _family(child)


def _named(value: Any) -> str:
    words = ".".join(map(str, value)) if isinstance(value, list) else str(value)
    return words[:100]
