"""What a paper's reporting checklist asks, answered from the manifests as far as a run can.

The rows follow CLAIM (Checklist for Artificial Intelligence in Medical Imaging) and TRIPOD-LLM, by
what they ask. What only people know stays blank, and is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nast.access import strictest
from nast.files import manifest_of, read_json
from nast.items.card import markdown_table, review_status
from nast.naming import run_setting
from nast.reporting.item_folders import short_names
from nast.reporting.joined import Joined

BLANK = "(for you to write)"
REVIEW = "review.json"
TRAINED = ("objective", "mode", "rank", "learning_rate", "steps", "captions", "claims")
"""Settings of a run that a paper names."""
Row = tuple[str, str, str]
"""Part of the paper, what is asked, and the answer; empty where no run can know it."""
Found = Mapping[str, Sequence[Path]]
"""Stage -> finished folders."""


def checklist(joined: Joined, found: Found) -> list[Row]:
    """The rows, in the order of a paper.

    Args:
        joined: the models and metrics of the report.
        found: stage -> finished folders.
    """
    items = [*found.get("benchmark", []), *found.get("contextual", []), *found.get("import", [])]
    return [
        *_purpose(),
        *_data(found, items),
        *_model(joined, found),
        *_evaluation(joined, found, items),
    ]


def checklist_text(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [[part, asked, _cell(answer) or BLANK] for part, asked, answer in rows]
    return (
        "# Reporting checklist\n\nAfter CLAIM and TRIPOD-LLM, by what they ask; their own numbers "
        "are in the journals. Answers come from the manifests of this report.\n\n"
        + markdown_table(["part", "what is asked", "answer"], lines)
        + "\n"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _purpose() -> Iterable[Row]:
    yield "Purpose", "Intended use and role in care", "Research software; not a medical device."
    yield "Purpose", "Hypotheses, and where they were registered", ""
    yield "Purpose", "Ethics approval and consent", ""


def _data(found: Found, items: Sequence[Path]) -> Iterable[Row]:
    manifests = [manifest_of(f) for f in (*found.get("facts", []), *items, *found["evaluate"])]
    terms = sorted({term for m in manifests for term in m.get("terms", [])})
    access = strictest(m.get("access", "open") for m in manifests)
    yield "Data", "Sources, access and terms", _joined([f"access class {access}", *terms])
    counts = [manifest_of(f)["counts"] for f in found.get("facts", [])]
    sizes = [f"{c['studies']:,} studies of {c['patients']:,} patients" for c in counts]
    yield "Data", "Number of studies and patients", _joined(sizes)
    yield "Data", "Dates, sites and setting of the data", ""
    selected = [f"{name}: {_selection(f)}" for f, name in short_names(items).items()]
    yield "Data", "Eligibility: which studies and items", _joined(selected)
    yield "Data", "De-identification", ""
    yield "Data", "Missing and contradictory data", _joined(map(_conflicts, found.get("facts", [])))
    labelers = {manifest_of(f)["config"].get("labeler") for f in found.get("facts", [])} - {None}
    names = sorted({name for f in found.get("facts", []) for name in manifest_of(f)["sources"]})
    standard = [f"labels of {', '.join(names)}"] if names else []
    standard += [f"read by {', '.join(sorted(labelers))}"] if labelers else []
    yield "Data", "Reference standard, and its reason", _joined(standard)
    names_of = short_names(found.get("benchmark", []))
    reviews = {name: review_status(manifest_of(f)) for f, name in names_of.items()}
    yield "Data", "Annotators and their qualifications", _joined(map(": ".join, reviews.items()))
    yield "Data", "Agreement of annotators", _joined(map(_agreement, found.get("benchmark", [])))
    apart = "train, validate and test, by patient: no patient is in two of them"
    yield (
        "Data",
        "Partitions, and at which level they are apart",
        apart if found.get("facts") else "",
    )
    yield "Data", "Demographic and clinical characteristics", ""


def _selection(folder: Path) -> str:
    config = manifest_of(folder)["config"]
    shown = ("distractors", "sampler", "world", "candidates", "limit", "groups", "protocol", "seed")
    said = [f"{key} {config[key]}" for key in shown if config.get(key) is not None]
    return ", ".join(said)


def _conflicts(folder: Path) -> str:
    counted = manifest_of(folder).get("conflicts", {})
    return ", ".join(f"{name}: {number}" for name, number in counted.items())


def _agreement(folder: Path) -> str:
    if not (folder / REVIEW).is_file():
        return ""
    found = read_json(folder / REVIEW)["agreement"]
    parts = [
        f"{sheet}: {checks['verdict']['coefficient']} {checks['verdict']['value']:.2f}"
        for sheet, checks in found.items()
        if checks["verdict"]["value"] is not None
    ]
    return ", ".join(parts)


def _model(joined: Joined, found: Found) -> Iterable[Row]:
    keys: dict[str, list[str]] = {}
    for evaluation in found["evaluate"]:
        for model in manifest_of(evaluation)["config"]["models"]:
            keys.setdefault(model["name"], []).append(model["key"][:12])
    named = [f"{n} ({' '.join(dict.fromkeys(keys[n]))})" if n in keys else n for n in joined.models]
    yield "Model", "Models, with the start of the hash of their weights", _joined(named)
    runs = [manifest_of(run) for run in found.get("train", [])]
    machines = [m["machine"] for m in runs if "machine" in m]
    software = sorted({f"{n} {m[n]}" for m in machines for n in ("torch", "transformers", "peft")})
    versions = sorted({f"nast {manifest_of(e)['version']}" for e in found["evaluate"]})
    yield "Model", "Software and versions", _joined([*versions, *software])
    yield (
        "Model",
        "Hardware",
        _joined(sorted({f"{m['processor']}, {m['device']}" for m in machines})),
    )
    yield (
        "Model",
        "Start of training",
        _joined(sorted({f"base {key[:12]}" for m in runs if (key := m["config"].get("base_key"))})),
    )
    yield "Model", "Training: objective, layers, rates, steps, seeds", _joined(_training(runs))
    yield "Model", "How the final model was chosen", _joined(sorted({_choice(m) for m in runs}))
    yield "Model", "Prompts and decoding of chat models", ""


def _training(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    settings: dict[str, list[Any]] = {}
    for made in runs:
        run, config = run_setting(made), made["config"]
        shown = {"layers": run.layers} if run else {}
        shown |= {name: config[name] for name in TRAINED if config.get(name) is not None}
        says = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
        settings.setdefault(says, []).append(config.get("seed", "not recorded"))
    return [f"{says}, seeds {' '.join(map(str, seeds))}" for says, seeds in settings.items()]


def _choice(made: Mapping[str, Any]) -> str:
    step = "the step that was best at validation" if made.get("validation") else "the last step"
    if not made.get("curve"):
        return f"{step}, whole"
    n = sum(made["validation items"].values())
    said = f"{step}, and the share of its change that repairs most without harm on {n:,} items"
    return f"{said} of the validation patients" + (" (noisy)" if made.get("warning") else "")


def _evaluation(joined: Joined, found: Found, items: Sequence[Path]) -> Iterable[Row]:
    metrics = joined.metrics
    tasks = metrics["statistic"].drop_nulls().unique(maintain_order=True).to_list()
    yield "Evaluation", "Measures of performance", ", ".join(tasks[:12])
    kinds = {m.partition(" over ")[0].partition(",")[0] for m in metrics["method"].drop_nulls()}
    wanted = ("percentile bootstrap", "Clopper-Pearson", "exact")
    methods = [kind for kind in wanted if kind in kinds]
    methods += ["p corrected over all pairs of models (Holm)"] if metrics["p_holm"].count() else []
    methods += [f"non-inferiority margin {joined.margin:g}"]
    yield "Evaluation", "Uncertainty and tests", _joined(methods)
    seeds = metrics["seeds"].drop_nulls()
    most = max(seeds.to_list(), default=0)
    yield "Evaluation", "Robustness", f"seeds a setting: up to {most}" if most else ""
    sets = metrics["data"].drop_nulls().unique(maintain_order=True).to_list()
    yield "Evaluation", "Data sets, and which are external", _joined(sets)
    audits = sum((folder / "audit.json").is_file() for folder in items)
    blind = f"baselines that see no image, on {audits} folders of items" if audits else ""
    yield "Evaluation", "What can be solved without the image", blind
    traced = found.get("trace", [])
    yield "Evaluation", "Explanation of what the model does", "causal tracing" if traced else ""
    yield (
        "Evaluation",
        "Failures",
        "by condition in metrics.parquet; item by item where data are open",
    )
    yield "Evaluation", "Limits, bias and generalisation", ""


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(part for part in parts if part)
