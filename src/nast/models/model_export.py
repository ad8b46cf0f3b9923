"""A model as others load it: plain transformers, open_clip, or the LoRA weights alone for peft."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch.nn import ModuleDict
from transformers import CLIPImageProcessorPil, CLIPModel

from nast.errors import ModelError, UsageError
from nast.files import write_json, write_text
from nast.folders import manifests_of, strictest_of
from nast.items.card import TAGS, front_matter
from nast.models.contract import DualEncoder
from nast.models.families.openclip_export import CHECKPOINT, write_open_clip, write_towers
from nast.models.families.openclip_images import OpenClipProcessor
from nast.models.families.two_tower_export import SPEC, write_bert_lora, write_two_towers
from nast.models.preprocess import padded_from
from nast.models.weights.clip_resnet import ClipWithResNet
from nast.models.weights.model_folders import save_tokenizer
from nast.stages import stage


def export_model(
    model: DualEncoder, to: str, folder: Path, *, fresh: bool = False
) -> dict[str, Any]:
    """Write a model as a folder of another library, with a card and a manifest.

    The access class and the terms of the data that a run was trained on go with it.

    Args:
        model: loaded; `hf` and `open-clip` merge a run's LoRA weights into it.
        to: `hf` (`from_pretrained` of transformers; of two towers the text encoder, and
            `SPEC.yaml` with the rest), `open-clip` (`local-dir:` and a checkpoint of
            its trainer), `peft` (the LoRA weights alone).
        folder: the output folder.
        fresh: start over in a folder of another export.

    Returns:
        The manifest.

    Raises:
        UsageError: no such format, or `peft` for a model without LoRA weights.
        ModelError: the format has no class for the model.
    """
    if to not in FORMATS:
        raise UsageError(f"--to {to}: choose {', '.join(FORMATS)}")
    settings = {"stage": "export", "model": model.name, "key": model.key, "to": to}

    def make(out: Path) -> dict[str, Any]:
        usage = FORMATS[to](model, out)
        write_json(out / "model.json", model.spec)
        title = f"{model.name}, exported by nast"
        base = model.spec["source"]
        base = f"hf:{base}" if model.spec.get("family") == "hf" else base
        card = weights_card(title, base, usage, model.made_from)
        write_text(out / "README.md", card)
        return {"counts": {"files": sum(p.is_file() for p in out.rglob("*"))}}

    return stage(folder, settings, model.made_from, make, fresh=fresh)


def _hf(model: DualEncoder, out: Path) -> str:
    network, pad = _merged(model), "" if padded_from(model.pixels) is None else "pad:"
    if isinstance(network, ModuleDict):
        write_two_towers(network, model, _pixels(model), out)
        return (
            "`text/` is the text encoder of plain transformers: "
            "`BertModel.from_pretrained('FOLDER/text')` and its `AutoTokenizer`. Heads, image "
            f"tower and preprocessing lie beside it: `{pad}two-tower:FOLDER/{SPEC}` in nast."
        )
    _check_class(model, network)
    _save(network, model, out)
    name = type(network).__name__
    usage = f"Load with `{name}.from_pretrained(FOLDER)` and `AutoTokenizer` of transformers"
    if _hf_processor(model) is None:
        how = ", ".join(f"{k} {v}" for k, v in model.spec["preprocessing"].items())
        return f"{usage}. No class of transformers preprocesses images as this model needs: {how}."
    return f"{usage}, images with `AutoImageProcessor`{_bars(pad)}; or as `{pad}hf:FOLDER` in nast."


def _open_clip(model: DualEncoder, out: Path) -> str:
    network = _merged(model)
    if isinstance(network, CLIPModel):
        write_open_clip(network, model.tokenizer, _processor(model), out, model.logit_bias)
    elif model.spec["family"] == "openclip":
        place = Path(model.spec["source"].partition(":")[2])
        folder = place if place.is_dir() else place.parent
        numbers = (model.logit_scale, model.logit_bias)
        write_towers(network, *numbers, model.tokenizer, folder, out)
    else:
        raise ModelError(f"{model.name}: open_clip has no model of its layout")
    pad = "" if padded_from(model.pixels) is None else "pad:"
    quick = " --force-quick-gelu" if model.spec["activation"] == "quick_gelu" else ""
    return (
        "Load with `open_clip.create_model_and_transforms('local-dir:FOLDER')`, or "
        f"`{CHECKPOINT}` as `--model ARCH --pretrained FILE{quick}` of an architecture of the same "
        f"sizes{_bars(pad)}; or as `{pad}openclip:local-dir:FOLDER` in nast."
    )


def _peft(model: DualEncoder, out: Path) -> str:
    network = model.network
    if not isinstance(network, PeftModel):
        raise UsageError(f"{model.name}: no LoRA weights; --to peft is for run:FOLDER")
    if isinstance(network.get_base_model(), ModuleDict):
        base = (out / "base").absolute()
        deepcopy(network).unload()["text"].save_pretrained(base)
        save_tokenizer(model.tokenizer, base)
        write_bert_lora(network, base, out)
        return (
            "Load with `PeftModel.from_pretrained(BertModel.from_pretrained(BASE, "
            f"add_pooling_layer={model.spec['pooling'] == 'cls_tanh'}), FOLDER)` of peft; BASE is "
            "`base_model_name_or_path` in adapter_config.json. It gives the states of the text "
            f"encoder; this model pools them by `{model.spec['pooling']}` and has a head, which "
            "`--to hf` writes."
        )
    _check_class(model, network.get_base_model())
    base = Path(model.spec["source"])
    if model.spec["family"] != "hf":
        base = out / "base"
        _save(deepcopy(network).unload(), model, base)
    elif base.is_dir():
        base = base.resolve()
    network.peft_config["default"].base_model_name_or_path = str(
        base.absolute() if base.is_dir() else base
    )
    network.save_pretrained(str(out), save_embedding_layers=False)
    name = type(network.get_base_model()).__name__
    return (
        f"Load with `PeftModel.from_pretrained({name}.from_pretrained(BASE), FOLDER)` of peft; "
        "BASE is `base_model_name_or_path` in adapter_config.json."
    )


FORMATS: dict[str, Callable[[DualEncoder, Path], str]] = {
    "hf": _hf,
    "open-clip": _open_clip,
    "peft": _peft,
}
"""What `--to` takes. Each writes its files and returns how they are loaded."""


def _merged(model: DualEncoder) -> Any:
    network: Any = model.network
    return network.merge_and_unload() if isinstance(network, PeftModel) else network


def _check_class(model: DualEncoder, network: Any) -> None:
    if isinstance(network, ClipWithResNet):
        raise ModelError(
            f"{model.name}: transformers has no CLIP with a ResNet; export --to "
            "open-clip, or use it in nast as it is"
        )


def _save(network: Any, model: DualEncoder, out: Path) -> None:
    network.save_pretrained(out)
    save_tokenizer(model.tokenizer, out)
    if (processor := _hf_processor(model)) is not None:
        processor.save_pretrained(out)


def _pixels(model: DualEncoder) -> Any:
    """The preprocessing without the black bars of `pad:`, which no format of a model has."""
    return padded_from(model.pixels) or model.pixels


def _bars(pad: str) -> str:
    return ", after black bars have made them squares" if pad else ""


def _processor(model: DualEncoder) -> Any:
    """The processor behind `model.pixels`, or None where pixels are made by a function of ours."""
    processor = getattr(_pixels(model), "func", None)
    return processor if hasattr(processor, "save_pretrained") else None


def _hf_processor(model: DualEncoder) -> Any:
    """The same as a class of transformers, or None where there is none."""
    processor = _processor(model)
    if isinstance(processor, OpenClipProcessor):
        settings = processor.to_dict()
        fills = "max_height" in settings["size"]
        return None if fills else CLIPImageProcessorPil.from_dict(settings)
    return processor


def weights_card(title: str, base: str, usage: str, inputs: Sequence[Path], found: str = "") -> str:
    """The card of weights; it lies beside them, so that it goes where they go.

    Args:
        title: what they are.
        base: the MODEL that they come from.
        usage: how they are loaded.
        inputs: finished folders whose access class and terms they inherit.
        found: what is known of them, as Markdown.
    """
    front: dict[str, Any] = {
        "license": "other",
        "pipeline_tag": "zero-shot-image-classification",
        "tags": [*TAGS, *(["lora"] if inputs else [])],
    }
    kind, _, name = base.partition(":")
    # A place on this machine is no base that a hub could name.
    if kind == "hf" and name.count("/") == 1 and not Path(name).exists():
        front["base_model"] = name
    terms = sorted({t for m in manifests_of(inputs) for t in m.get("terms", [])})
    trained = "".join(f"- {line}\n" for line in terms)
    access = (
        f"Access class: **{strictest_of(inputs)}**. Weights are made from the data: share "
        f"them under the data's terms only.\n\n{trained}"
        if inputs
        else "No data of nast went into these weights; their own licence holds.\n"
    )
    said = f"\n{found}\n" if found else ""
    return front_matter(front) + (
        f"# {title}\n\nBase: `{base}`. {usage}\n\nResearch use; not a medical device.\n\n"
        f"{access}{said}"
    )
