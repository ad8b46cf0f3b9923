"""What a model is called in tables: the NAME of NAME=MODEL, or the setting of a run.

A run knows what it is from its manifest, whatever its folder is called. Seeds of one setting have
one name, so that every table can pool them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

RIVALS = {"clip": "CLIP", "negclip": "NegCLIP", "conclip": "ConCLIP", "negbench": "NegBench"}
"""Objectives of others, on the same data, as papers call them."""


class RunSetting(NamedTuple):
    """What decides the name of a run.

    Attributes:
        objective: `nast` or a key of `RIVALS`.
        layers: `uniform`, `nast/PROFILE`, PROFILE, `reversed`, `random`, `front-K`, `top-K`,
            `file` or `given`, see `nast.layers.LayerWeights`.
        mode: where the layer scale acts, `lr` or `gradient`.
        beta: sharpness, where layers follow a trace.
        protocol: `paper` for its literal choices, else `default`.
        rule: the same of the layers' rule alone.
        published: whether the settings are those of a rival's authors.
        seed: of the run; it is not part of the name.
        g: how much of LoRA's change is taken; neither is it.
    """

    objective: str
    layers: str
    mode: str = "lr"
    beta: float | None = None
    protocol: str = "default"
    rule: str = "default"
    published: bool = False
    seed: int | None = None
    g: float = 1.0


def run_setting(manifest: Mapping[str, Any]) -> RunSetting | None:
    """The setting of a run from its manifest; None for a folder of another stage."""
    config = manifest.get("config", {})
    if config.get("stage") != "train":
        return None
    known = {name: config[name] for name in RunSetting._fields if name in config}
    return RunSetting(**{**known, "g": manifest.get("g", 1.0)})


def run_name(manifest: Mapping[str, Any]) -> str:
    """What tables call the setting of a run: the same for all its seeds.

    Args:
        manifest: of a folder of `nast train`.

    Raises:
        ValueError: the manifest is of another stage.

    Examples:
        >>> config = {"stage": "train", "objective": "nast", "layers": "nast/scope", "mode": "lr"}
        >>> run_name({"config": config})
        'NAST (lr)'
        >>> run_name({"config": {**config, "layers": "uniform"}})
        'LoRA uniform'
    """
    run = run_setting(manifest)
    if run is None:
        raise ValueError("a manifest of another stage than nast train")
    even = run.layers == "uniform"
    literal = run.mode == "gradient" and run.rule == "paper"
    said = [] if even else ["as printed" if literal else run.mode]
    if not even and not run.layers.startswith("nast/"):
        said.append(run.layers)
    if run.beta not in (None, 1):
        said.append(f"beta {run.beta:g}")
    # A rule without its mode, or literal losses alone.
    if "paper" in (run.protocol, run.rule) and "as printed" not in said:
        said.append("paper")
    if run.published:
        said.append("published")
    if run.objective != "nast":
        rival = RIVALS.get(run.objective, run.objective)
        if not even and run.mode == "lr":
            said.remove("lr")
        return f"{rival} ({', '.join(['retrained', *said])})"
    name = "LoRA uniform" if even else "NAST"
    return f"{name} ({', '.join(said)})" if said else name


def split_name(argument: str) -> tuple[str | None, str]:
    """The name and the MODEL of `NAME=MODEL`; None where there is no name.

    A NAME has no colon, slash or dot, so that a `=` within a path is part of the path.

    Examples:
        >>> split_name("NegCLIP=openclip:ViT-B-32:negclip.pth")
        ('NegCLIP', 'openclip:ViT-B-32:negclip.pth')
        >>> split_name("hf:models/a=b")
        (None, 'hf:models/a=b')
    """
    name, mark, model = argument.partition("=")
    if mark and name.strip() and not set(name) & set(":/\\."):
        return name.strip(), model
    return None, argument
