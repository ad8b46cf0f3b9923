"""nast phantom, nast phantom-pretrain."""

from pathlib import Path
from typing import Any

from nast.commands.options import Count, Patients, Seed, Share
from nast.progress import Progress


def phantom(
    out: Path, *, patients: Patients = 100, seed: Seed = 0, workers: Count = 2, fresh: bool = False
) -> None:
    """Draw phantom patients as a MIMIC-CXR-JPG and CAD-Chest tree.

    Parameters
    ----------
    out: Path
        Root of the tree.
    patients: int
        How many patients; each has one to three studies.
    seed: int
        Equal seeds give equal bytes.
    workers: int
        Processes that draw.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.phantom.write import build_phantom
    from nast.sources.source import summary

    manifest = build_phantom(out, patients, seed, workers=workers, fresh=fresh)
    print(f"{out}: {summary(manifest['counts'])}")


def phantom_pretrain(
    out: Path,
    *,
    negation_rate: Share | None = None,
    image_steps: Count | None = None,
    steps: Count | None = None,
    patients: Patients | None = None,
    minilm: bool = False,
) -> None:
    """Train the phantom model from nothing (about half an hour on two cores).

    Parameters
    ----------
    out: Path
        Folder for the model; load it as hf:OUT, with --minilm as two-tower:OUT/SPEC.yaml.
    negation_rate: float
        Share of mentioned absences that the reports write as a negation, 0 to 1.
    image_steps: int
        Steps of the image tower.
    steps: int
        Steps of the text tower.
    patients: int
        Phantom patients that the images come from.
    minilm: bool
        Train the image head of phantom-minilm instead; both encoders stay as they are.
    """
    from nast.errors import UsageError
    from nast.phantom.pretrain.clip import PretrainConfig, pretrain_phantom
    from nast.phantom.pretrain.minilm_head import MinilmConfig, train_minilm

    given: dict[str, Any] = {
        "negation_rate": negation_rate,
        "image_steps": image_steps,
        "steps": steps,
        "patients": patients,
    }
    given = {k: v for k, v in given.items() if v is not None}
    progress = Progress(2)
    if minilm:
        if image_steps is not None:
            raise UsageError("--image-steps: with --minilm the image tower is that of the phantom")
        head = MinilmConfig(**given)
        progress.step(f"drawing {head.patients} patients, encoding their reports")
        train_minilm(head, out, progress.advance)
        progress.step("saved")
        print(f"two-tower:{out / 'SPEC.yaml'}")
        return
    config = PretrainConfig(**given)
    progress.step(
        f"drawing {config.patients} patients, training both towers",
        total=config.image_steps + config.steps,
    )
    pretrain_phantom(config, out, progress.advance)
    progress.step("saved")
    print(f"hf:{out}")
