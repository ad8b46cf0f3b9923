"""How the phantom model's bias depends on how rare negations are in its captions.

    python benchmarks/negation_dial.py WORK 0 0.01 0.03    # train and score, 40 min
    python benchmarks/negation_dial.py --plot                # draw docs/images/dial.png again

The image tower is trained once; each rate gets a text tower of its own. Every model is scored on
the demo's questions and claim sets (patients of another seed), before any fine-tuning.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import polars as pl

IMAGES = Path(__file__).parent.parent / "docs" / "images"
TABLE = IMAGES / "dial.csv"
SETS = ("questions", "claims")
HEADER = ("negation_rate", "set", "form", "value", "low", "high", "n")


def measure(work: Path, rates: list[float]) -> None:
    from nast.benchmark.build import build_benchmark
    from nast.contextual.build import build_contextual
    from nast.evaluation import evaluate
    from nast.files import read_table
    from nast.models.registry import load_model
    from nast.phantom.patients import patients
    from nast.phantom.pretrain.clip import PretrainConfig, pretrain, save_phantom
    from nast.phantom.pretrain.image_tower import draw_all, pooled, train_image_tower
    from nast.phantom.write import build_phantom
    from nast.records import METRICS_SCHEMA
    from nast.sources.collect import build_facts

    tree = work / "phantom"
    build_phantom(tree, 500, 11)
    build_facts([f"mimic-cxr-jpg:{tree}", f"cad-chest:{tree / 'cad_disease.json'}"], work / "facts")
    build_benchmark(work / "facts", work / "benchmark", limit=80)
    build_contextual(work / "facts", work / "contextual", groups=200)
    config = PretrainConfig()
    studies = patients(config.patients, config.seed)
    images = draw_all(studies)
    for _, _, tower in train_image_tower(
        studies, images, config.image_steps, config.batch, config.seed
    ):
        pass
    features = pooled(tower, images)
    for rate in rates:
        setting = replace(config, negation_rate=rate)
        for _, _, model, tokenizer in pretrain(setting, studies, tower, features):
            pass
        save_phantom(work / f"model-{rate}", model, tokenizer, setting)
        name = f"rate {rate}"
        encoder = load_model(f"hf:{work / f'model-{rate}'}", name)
        data = [work / "benchmark", work / "contextual"]
        evaluate([encoder], data, work / f"scores-{rate}")
        record(rate, read_table(work / f"scores-{rate}" / "metrics.parquet", METRICS_SCHEMA))


def record(rate: float, metrics: pl.DataFrame) -> None:
    """Put one model's accuracies into the table, in place of older ones."""
    from nast.reporting.numbers import pick

    rows = [r for r in read() if float(r["negation_rate"]) != rate]
    for name in SETS:
        for form in ("affirmative", "negated"):
            (found,) = pick(metrics, task="choice", set=name, statistic="accuracy", form=form)
            ends = (round(found[c], 4) for c in ("value", "low", "high"))
            values = (rate, name, form, *ends, found["n"])
            rows.append(dict(zip(HEADER, values, strict=True)))
    with open(TABLE, "w", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda r: (float(r["negation_rate"]), r["set"])))


def read() -> list[dict]:
    if not TABLE.is_file():
        return []
    with open(TABLE, newline="") as file:
        return list(csv.DictReader(file))


def plot() -> None:
    rows = read()
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8), sharey=True, layout="constrained")
    for axis, name, chance in zip(axes, SETS, (0.25, 0.2), strict=True):
        for form, color in (("affirmative", "#3c6fb5"), ("negated", "#b5443c")):
            part = [r for r in rows if r["set"] == name and r["form"] == form]
            rates = [100 * float(r["negation_rate"]) for r in part]
            values = [float(r["value"]) for r in part]
            spans = [
                [v - float(r["low"]) for v, r in zip(values, part, strict=True)],
                [float(r["high"]) - v for v, r in zip(values, part, strict=True)],
            ]
            axis.errorbar(rates, values, spans, marker="o", color=color, label=form, capsize=3)
        axis.axhline(chance, color="black", linestyle=":", linewidth=0.8)
        axis.set(xlabel="absences written as a negation (%)", title=name, ylim=(0, 1))
    axes[0].set_ylabel("accuracy of the base model")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(IMAGES / "dial.png", dpi=110)


if __name__ == "__main__":
    if sys.argv[1] != "--plot":
        measure(Path(sys.argv[1]), [float(r) for r in sys.argv[2:]])
    plot()
