"""Run folders by the setting that they are seeds of, under the names of the evaluation."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nast.errors import InputError
from nast.files import manifest_of, read_json
from nast.folders import identity
from nast.hashes import content_hash
from nast.naming import run_name, run_setting

MEASURES = {"parameters": "parameters", "product": "B A", "gradient": "gradient"}
"""What an update is measured by -> what the table calls it."""
CONTROL = re.compile(r"uniform|reversed|random|(front|top)-\d+")
"""Layers that the trace is to be better than (decision 3)."""
EVEN = ("nast", "uniform")
"""Objective and layers of fine-tuning whose blocks all take the same step."""


def by_setting(runs: Sequence[Path], known: Mapping[str, str]) -> dict[str, list[Path]]:
    """Name of a setting -> the folders of its seeds, in the order given.

    Args:
        runs: finished folders of `nast train`.
        known: identity of a run -> the name that it was scored under.

    Returns:
        Runs that were not scored have the name that their manifest gives them; where two settings
        would have one name, what sets them apart follows it.
    """
    settings: dict[str, dict[str, list[Path]]] = {}
    for run in runs:
        manifest = manifest_of(run)
        name = known.get(identity(run)) or run_name(manifest)
        settings.setdefault(name, {}).setdefault(content_hash(_setting(manifest)), []).append(run)
    found = {}
    for name, groups in settings.items():
        configs = [_setting(manifest_of(seeds[0])) for seeds in groups.values()]
        for config, seeds in zip(configs, groups.values(), strict=True):
            apart = [
                f"{key} {config.get(key)}"
                for key in dict.fromkeys(k for c in configs for k in c)
                if len({str(c.get(key)) for c in configs}) > 1
            ]
            found[", ".join([name, *apart])] = seeds
    return found


def even_steps(settings: Mapping[str, Sequence[Path]]) -> set[str]:
    """Names of the settings whose blocks all take the same step: what the others are held against.

    Args:
        settings: of `by_setting`.
    """
    found = {name: run_setting(manifest_of(seeds[0])) for name, seeds in settings.items()}
    return {n for n, run in found.items() if run and (run.objective, run.layers) == EVEN}


def _setting(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest["config"].items() if key != "seed"}


def update_shares(run: Path, measures: Sequence[str] = tuple(MEASURES)) -> dict[str, list[float]]:
    """Table 4's numbers of one run, a share per block for each of some measures.

    Raises:
        InputError: `updates.json` holds something else.
    """
    path = run / "updates.json"
    found = read_json(path)
    lists: list[Any] = [found.get(name) for name in measures] if isinstance(found, dict) else []
    whole = all(isinstance(part, list) for part in lists) and len({len(p) for p in lists}) == 1
    if not whole or not all(isinstance(v, int | float) for part in lists for v in part):
        raise InputError(
            path,
            found="something else",
            expected="a share per block and measure, as nast train writes them",
        )
    return {name: found[name] for name in measures}


def traced_order(traces: Sequence[Path], runs: Sequence[Path]) -> list[int] | None:
    """The blocks of the trace in force, the highest CTE score first, from 0 (decision 21).

    Args:
        traces: folders of `nast trace`.
        runs: folders of `nast train`; their own trace is in force, and else the only one.

    Returns:
        None where there is no trace, or none of several is the runs' own.
    """
    followed = {key for run in runs for key in manifest_of(run)["inputs"].values()}
    own = [trace for trace in traces if identity(trace) in followed]
    chosen = own or (traces if len(traces) == 1 else [])
    if len(chosen) != 1:
        return None
    scores, _ = traced_scores(chosen[0])
    return sorted(range(len(scores)), key=lambda block: (-scores[block], block))


def traced_scores(trace: Path) -> tuple[np.ndarray, str]:
    """The CTE score of each block that a trace chose its weights by, and the name of the profile.

    Raises:
        InputError: `layer_weights.json` holds something else.
    """
    path = trace / "layer_weights.json"
    chosen = read_json(path)
    try:
        return np.asarray(chosen["score"], dtype=float), str(chosen["aggregation"])
    except (LookupError, TypeError, ValueError):
        raise InputError(
            path,
            found="something else",
            expected="the scores of the blocks, as nast trace writes them",
        ) from None


def depth(run: Path) -> int:
    """Blocks of the text tower of a run, with and without LoRA.

    Raises:
        InputError: the run has no such list.
    """
    return len(update_shares(run, ["parameters"])["parameters"])
