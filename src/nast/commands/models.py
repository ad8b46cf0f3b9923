"""nast models list, check, export and fit-head."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nast.commands.arguments import loadable
from nast.commands.options import Count, NotNegative, Seed
from nast.errors import UsageError
from nast.naming import split_name
from nast.ranges import POSITIVE


def list_models() -> None:
    """Print what a MODEL may be, and the models that people compare."""
    from nast.models.named import named_models
    from nast.models.registry import KINDS

    for kind, text in KINDS.items():
        print(f"{kind:12} {text}")
    print(f"{'NAME=MODEL':12} any of these under a name of yours, for tables and pictures")
    print(f"{'scores:FILE':12} scores that something else made; nast evaluate only")
    print(f"{'chat:URL#NAME':12} a chat model behind a server; nast evaluate only")
    print("\nModels by name (* in the paper's tables):\n")
    for entry in named_models():
        print(f"{'*' if entry.paper else ' '} {entry.name}")
        print(f"    run      {entry.model}")
        print(f"    weights  {entry.weights}")
        print(f"    licence  {entry.licence}")
        print(f"    seen     {', '.join(entry.seen) or 'no public chest radiograph set known'}")


def check_command(model: str | None = None, *, recipe: Path | None = None) -> None:
    """Load a model and test it: weights, texts, tokenizer, blocks, images; ends with a verdict.

    Parameters
    ----------
    model: str
        A MODEL; see nast models list.
    recipe: Path
        In place of MODEL: a recipe of nast paper. Says of each of its models which files it needs,
        where they are or come from, and how large they are; nothing is loaded or downloaded.
    """
    if (model is None) == (recipe is None):
        raise UsageError("give a MODEL, or --recipe FILE for all models of a recipe")
    if recipe is not None:
        _check_recipe(recipe)
        return
    assert model is not None
    loadable(model)
    from nast.errors import ModelError
    from nast.models.registry import load_model
    from nast.tracing.check import broken, check_model

    loaded = load_model(model, precision="float32")
    print("weights fit: no key missing, none left over")
    for name, value in loaded.spec.items():
        print(f"{name}: {value}")
    findings = check_model(loaded)
    for finding in findings:
        mend = f"  -> {finding.mend}" if finding.verdict != "ok" and finding.mend else ""
        print(f"{finding.verdict:6} {finding.name}: {finding.found}{mend}")
    wrong = broken(findings)
    if wrong:
        names = ", ".join(f.name for f in wrong)
        raise ModelError(f"{model}: not fit for use: {names}; the mends are above")
    print("verdict: fit for use")


def _check_recipe(path: Path) -> None:
    """Print what the models of a recipe need; fails where something is not there."""
    from nast.errors import InputError
    from nast.models.needs import needs_of
    from nast.paper.recipe import read_recipe

    recipe = read_recipe(path)
    named = {f"{split_name(recipe.base)[0] or 'base'}, traced and fine-tuned": recipe.base}
    missing = []
    for name, spec in {**named, **recipe.rivals, **recipe.diagnose}.items():
        print(f"{name}: {split_name(loadable(spec))[1]}")
        needs = needs_of(spec)
        if not needs:
            print("    comes with a package")
        for need in needs:
            size = "missing" if need.size is None else f"{need.size / 1e6:,.1f} MB"
            print(f"    {need.what:22} {size:>12}  {need.place}")
            if need.mend:
                print(f"    {'':22} {'':>12}  get it: {need.mend}")
                missing.append(f"{name}: {need.what}")
    if missing:
        raise InputError(
            path, found=f"{len(missing)} parts of models missing", expected="all of them in place"
        )
    print("everything is there; nast models check MODEL loads one and tests it")


def export_model_command(
    model: str,
    *,
    to: Literal["hf", "open-clip", "peft"],
    out: Annotated[Path, Parameter(["--out", "-o"])],
    fresh: bool = False,
) -> None:
    """Write a model for other software; a run's LoRA weights are merged, or go alone for peft.

    Parameters
    ----------
    model: str
        MODEL string, for example run:FOLDER.
    to: Literal
        hf for transformers, open-clip, or peft for the LoRA weights alone.
    out: Path
        Output folder.
    fresh: bool
        Start over in a folder of another export.
    """
    loadable(model)
    from nast.models.model_export import export_model
    from nast.models.registry import load_model

    loaded = load_model(model, device="cpu", precision="float32")
    manifest = export_model(loaded, to, out, fresh=fresh)
    print(f"{out}: {manifest['counts']['files']} files, access class {manifest['access']}")


def fit_head_command(
    spec: Path,
    facts: Path,
    captions: Path,
    *,
    out: Annotated[Path, Parameter(["--out", "-o"])],
    hidden: NotNegative = 0,
    steps: Count = 2000,
    batch: Count = 128,
    learning_rate: Annotated[float, Parameter(validator=POSITIVE)] = 1e-3,
    seed: Seed = 0,
    fresh: bool = False,
) -> None:
    """Train a small head from ready image vectors to a frozen text tower; leaves a MODEL.

    Parameters
    ----------
    spec: Path
        A two-tower specification whose image vectors are ready (docs/models.md).
    facts: Path
        Folder of nast facts.
    captions: Path
        Folder of nast contextual build on these facts.
    out: Path
        Output folder; two-tower:OUT/model.yaml is the model.
    hidden: int
        Width of one hidden layer; 0 for a linear head.
    steps: int
        At most so many; it ends before where the validation patients' captions fit no better.
    batch: int
        Captions of a step.
    learning_rate: float
        Of AdamW.
    seed: int
        Of the first weights and the batches.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.training.image_head import SPEC, fit_image_head

    made = fit_image_head(
        spec,
        facts,
        captions,
        out,
        hidden=hidden,
        steps=steps,
        captions=batch,
        learning_rate=learning_rate,
        seed=seed,
        fresh=fresh,
    )
    best = made["best"]
    print(
        f"best at step {best['step']}: loss {best['loss']:.3f} on training captions, "
        f"{best['validation']:.3f} on those of the validation patients"
    )
    print(f"two-tower:{out / SPEC}; access class {made['access']}")
