"""Which argument is a model and which a folder of data, and a mend for one that is neither.

No library of models is loaded for this: a typing error is named at once.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from nast.errors import InputError, UsageError
from nast.files import MANIFEST, RUN, manifest_of
from nast.naming import split_name

NAMES = ("phantom", "phantom-minilm")
"""Models that ship with the package or as a package."""
PREFIXES = ("hf", "openclip", "two-tower", "run", "pad", "draft")
"""What a MODEL string of `models.registry.KINDS` may begin with, before a colon."""
SCORED = ("scores", "chat")
"""Further beginnings, of what `nast evaluate` alone takes for a model."""
FILES = {
    ".csv": "scores:{}",
    ".jsonl": "scores:{}",
    ".parquet": "scores:{}",
    ".yaml": "two-tower:{}",
    ".pt": "openclip:ARCH:{}",
    ".bin": "openclip:ARCH:{}",
    ".safetensors": "openclip:ARCH:{}",
}
"""How a file is written as a MODEL, by its ending."""


def is_model(argument: str) -> bool:
    """Whether an argument is written as a model, or as NAME=MODEL.

    A folder of that name is written `./NAME`.
    """
    model = split_name(argument)[1]
    kind, mark, _ = model.partition(":")
    return model in NAMES or (bool(mark) and kind in (*PREFIXES, *SCORED))


def loadable(argument: str) -> str:
    """The argument, if it is written as a model that can be loaded.

    Raises:
        UsageError: it is not; says how it would be.
    """
    if is_model(argument) and split_name(argument)[1].partition(":")[0] not in SCORED:
        return argument
    known = ", ".join((*NAMES, *(f"{p}:..." for p in PREFIXES)))
    raise UsageError(
        f"{argument!r} is not a model; {_mend(argument, models_only=True)}write one of {known} "
        "(nast models list)"
    )


def part_models(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Part the arguments of `nast evaluate`.

    Raises:
        UsageError: one is neither, or there are no models or no data; names it.
    """
    models = [a for a in arguments if is_model(a)]
    others = [a for a in arguments if not is_model(a)]
    example = (
        "give at least one model and one finished data folder, for example: "
        "nast evaluate phantom questions -o scores"
    )
    for argument in others:
        if not Path(argument).is_dir():
            raise UsageError(
                f"{argument!r} is not a model, and no folder is there; {_mend(argument)}{example}"
            )
        mend = _as_model(argument)
        if mend:
            raise UsageError(f"{argument!r} is not a folder of data; {mend}{example}")
    if not models or not others:
        same = next((a for a in models if Path(a).is_dir()), None)
        mend = f"{same} is the model: write ./{same} for the folder; " if same else ""
        raise UsageError(mend + example)
    return models, [Path(a) for a in others]


def _mend(argument: str, models_only: bool = False) -> str:
    """What was probably meant, as the middle of a sentence; empty where nothing is near."""
    path = Path(argument)
    name, mark, model = argument.partition("=")
    if mark and is_model(model):
        return f"in NAME=MODEL a name is not empty and has no colon, slash or dot, not {name!r}; "
    if split_name(argument)[0] and not path.exists():
        return f"in NAME=MODEL {model!r} is not a model; "
    if argument.startswith(("http://", "https://")):
        return f"write chat:{argument}#NAME for a chat model; " if not models_only else ""
    if path.is_dir():
        return _as_model(argument) or ""
    if path.is_file() and path.suffix in FILES:
        found = FILES[path.suffix].format(argument)
        if not (models_only and found.startswith("scores:")):
            return f"write {found} for that file; "
    kind, mark, rest = argument.partition(":")
    kinds = PREFIXES if models_only else (*PREFIXES, *SCORED)
    near = get_close_matches(kind, kinds, 1) if mark else []
    if near:
        return f"did you mean {near[0]}:{rest}? "
    beside = [] if models_only else _beside(path)
    near = get_close_matches(argument, (*NAMES, *beside), 1, 0.6)
    return f"did you mean {near[0]}? " if near else ""


def _beside(path: Path) -> Iterable[str]:
    """The folders where a path should lie, written as the path is."""
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.is_dir())
    except OSError:
        return []
    return [str(path.with_name(name)) for name in names if path.name]


def _as_model(folder: str) -> str | None:
    """How a folder that holds a model is written, as the middle of a sentence."""
    path = Path(folder)
    if (path / MANIFEST).is_file() or (path / RUN).is_file():
        return f"write run:{folder} for the model of that run; " if _is_run(path) else None
    if (path / "config.json").is_file():
        return f"write hf:{folder} for the model in it; "
    for name in ("SPEC.yaml", "spec.yaml"):
        if (path / name).is_file():
            return f"write two-tower:{path / name} for the model in it; "
    return None


def _is_run(folder: Path) -> bool:
    try:
        return manifest_of(folder)["config"].get("stage") == "train"
    except InputError:
        # What is wrong with it is said where it is read.
        return False
