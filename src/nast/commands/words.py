"""What the commands share when a language model writes the sentences."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nast.access import Override
    from nast.benchmark.construction import Construction
    from nast.language.write.llm.backends import LanguageModel


def language_model(
    endpoint: str | None, inputs: Iterable[Path], loopback_stays: bool, override: Path | None
) -> "LanguageModel":
    """The model of an endpoint, once the access class of the data allows it."""
    from nast.errors import UsageError
    from nast.folders import strictest_of
    from nast.language.write.llm.endpoints import PRESETS, Endpoint
    from nast.language.write.llm.server import server_model

    address, mark, name = (endpoint or "").partition("#")
    if address not in PRESETS and not (mark and name):
        raise UsageError(
            f"--realiser llm needs --endpoint: {', '.join(PRESETS)}, or URL#NAME such as "
            "http://127.0.0.1:8000/v1#my-model"
        )
    where = PRESETS.get(address) or Endpoint(address, name)
    return server_model(
        where, strictest_of(inputs), loopback_stays=loopback_stays, override=override_of(override)
    )


def override_of(file: Path | None) -> "Override | None":
    """The named exception from the access class that a YAML file holds.

    Raises:
        InputError: the file lacks the person, the date or the reason.
    """
    import yaml

    from nast.access import Override
    from nast.errors import InputError

    if file is None:
        return None
    try:
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Override(**{key: str(fields[key]) for key in ("person", "date", "reason")})
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        raise InputError(file, found="something else", expected="person, date and reason") from None


def print_estimate(
    folder: Path, construction: "Construction", seed: int, limit: int | None
) -> None:
    """Print what a language model would be asked for the questions of a facts folder."""
    from nast.benchmark.questions import make_questions
    from nast.language.write.llm.estimate import estimate_options
    from nast.sources.collect import read_facts

    studies, _ = read_facts(folder)
    questions, _ = make_questions(studies, construction, seed, limit)
    groups = questions.unique("group_id", maintain_order=True)
    sets = groups.select("conditions", "options").iter_rows()
    found = estimate_options([(tuple(c), tuple(map(tuple, o))) for c, o in sets])
    for name, value in found.items():
        if value is not None:
            print(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}")
