"""How NegBench's evaluator is run on an export, and what its numbers mean (2ac009b)."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from nast.exchange.material import evaluated

FEWEST = 5
"""Images. With fewer its R@5 cannot be computed and the run ends."""
NOTES = [
    "The keys `coco-mcq` and `voc2007-mcq` of its results are the negated and the affirmative "
    "form; `coco-retrieval` and `coco-negated-retrieval` likewise. With `_binary.csv` files the "
    "keys are those of its CheXpert sets.",
    "The right option is caption_0 in what is evaluated, and argmax counts a tie as right. nast "
    "never does.",
    "Files of the training split are for `--mcq-train-data`: there the right option stands in any "
    "column, as `correct_answer` says, and the evaluator would end with a KeyError.",
    "A checkpoint file needs `--model ViT-B-32-quickgelu` if it was trained with QuickGELU "
    "(OpenAI's were); the tag `openai` sets it by itself.",
    "A model that is always right ends its MCQ evaluation with ZeroDivisionError.",
    "Retrieval counts only the row's own image as right: an equal caption of another image is an "
    "error there, so R@1 is far below 1 by construction. It needs 5 images or more.",
]


def commands(folder: Path, counts: dict[str, int]) -> list[str]:
    """The lines of shell that run the evaluator on an export, for the split to evaluate.

    Args:
        folder: of the export.
        counts: file name -> rows; other entries are passed over.
    """
    files = [n for n in counts if n.endswith(".csv") and _enough(n, counts)]
    by_split = evaluated({n.partition("_")[0] for n in files})
    files = [n for n in files if n.partition("_")[0] in by_split and not _for_training(n)]
    flags = [
        (flag, f"{end}.csv")
        for flag, end in (
            ("--coco-mcq", "_neg"),
            ("--voc2007-mcq", "_aff"),
            ("--coco-retrieval", "_aff_retrieval"),
            ("--coco-negated-retrieval", "_neg_retrieval"),
        )
    ]
    given = [(flag, folder / n) for flag, end in flags for n in files if n.endswith(end)]
    lines = _command(given, "") if given else []
    pairs = [folder / n for n in files if n.endswith("_binary.csv")]
    if pairs:
        other = [
            ("--chexpert-binary-mcq", pairs[0]),
            ("--chexpert-affirmation-binary-mcq", pairs[-1]),
        ]
        lines += _command(
            other,
            '--cxr-dataset --chexpert-mcq "" --chexpert-affirmation-mcq "" '
            '--ham10000-mcq "" --ham10000-affirmation-mcq "" ',
        )
    nothing = "# nothing to evaluate: too few images, or the training split only"
    return ["cd negbench/benchmarks", *lines] if lines else [nothing]


def _for_training(name: str) -> bool:
    return name.endswith(("-train_neg.csv", "-train_aff.csv"))


def _enough(name: str, counts: dict[str, int]) -> bool:
    return not name.endswith("_retrieval.csv") or counts[name] >= FEWEST


def _command(files: Sequence[tuple[str, Path]], more: str) -> list[str]:
    tail = [f"  {flag} {shlex.quote(str(path.resolve()))}" for flag, path in files]
    head = (
        "python -m src.evaluation.eval_negation --model ViT-B-32 --pretrained openai --name nast \\"
    )
    options = f"  {more}--dataset-type csv --csv-separator=, --batch-size 64 --workers 4 \\"
    return [head, options, *(f"{line} \\" for line in tail[:-1]), tail[-1]]
