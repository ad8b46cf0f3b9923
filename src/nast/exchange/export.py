"""Finished folders in the formats of other projects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nast.errors import UsageError
from nast.exchange.card import Exported, write_card
from nast.exchange.clip_benchmark import write_clip_benchmark
from nast.exchange.documents import write_csv, write_jsonl
from nast.exchange.hf_datasets import write_hf_datasets
from nast.exchange.inspect_tasks import write_inspect
from nast.exchange.lm_eval import write_lm_eval
from nast.exchange.material import Material, gather
from nast.exchange.negbench import write_negbench
from nast.exchange.open_clip import write_caption_files
from nast.stages import stage

FORMATS: dict[str, Callable[[Material, Path, int], Exported]] = {
    "negbench": write_negbench,
    "clip-benchmark": write_clip_benchmark,
    "open-clip": write_caption_files,
    "lm-eval": write_lm_eval,
    "inspect": write_inspect,
    "hf-datasets": write_hf_datasets,
    "csv": write_csv,
    "jsonl": write_jsonl,
}
"""Name of the format -> what writes a folder's material into another, where something is drawn by a
seed."""
PLAIN = ("csv", "jsonl", "hf-datasets")
"""Formats whose readers open no image: nothing is left out for a missing one."""


def export(
    folder: Path | str,
    out: Path | str,
    to: str,
    *,
    seed: int = 0,
    limit: int | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Write questions, claim sets and captions for another project.

    Access class and terms go with them into the manifest and the card. Image bytes are copied into
    webdataset shards only; elsewhere absolute paths name the files.

    Args:
        folder: a finished folder of `nast benchmark build`, `nast contextual build` or `nast
            benchmark import`.
        out: gets the files, and a README.md with the command that runs the peer.
        to: the format, a key of `FORMATS`.
        seed: of what is drawn: three of more than three wrong options for NegBench, and the
            order of options of imported sets for chat models.
        limit: at most about so many items or images per set, in whole groups.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest: `counts`, and `missing_images` (path -> reason) with how many items and
        images were left out for them.

    Raises:
        InputError: no image can be read, or a text would be changed by the peer's reader.
        UsageError: an unknown format, or one that the folder has nothing for.

    Examples:
        >>> made = nast.export("benchmark", tmp / "out", "negbench")
        >>> sorted(made["counts"])[0]
        'questions-test_aff.csv'
    """
    folder = Path(folder)
    if to not in FORMATS:
        raise UsageError(f"--to is {to!r}; choose one of {', '.join(FORMATS)}")
    config = {"stage": "export", "to": to, "seed": seed, "limit": limit}

    def make(target: Path) -> dict[str, Any]:
        material = gather(folder, limit, images=to not in PLAIN)
        written = FORMATS[to](material, target, seed)
        if material.left_out:
            name = "items and images left out, their group lost an image"
            written.counts[name] = material.left_out
        write_card(target, to, material, written)
        return {
            "counts": written.counts,
            "missing_images": material.missing,
            "review": material.review,
        }

    return stage(Path(out), config, [folder], make, fresh=fresh)
