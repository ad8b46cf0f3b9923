"""Models in open_clip's own files: the inverse of `nast.models.families.openclip`."""

from pathlib import Path
from typing import Any

import torch
from torch.nn import ModuleDict
from transformers import CLIPModel, ViTModel

from nast.errors import ModelError
from nast.files import atomic, read_json, write_json
from nast.models.clip_bpe import is_clip_bpe
from nast.models.families.openclip_config import CONFIG, WEIGHTS
from nast.models.preprocess import FILTERS
from nast.models.weights.checkpoints import write_safetensors
from nast.models.weights.clip_layout import OPENAI
from nast.models.weights.clip_resnet import STRIDE, ClipWithResNet, ResNetSizes, resnet_to_openai
from nast.models.weights.timm_layout import TIMM_VIT

CHECKPOINT = "checkpoint.pt"
_MODES = {"shortest_edge": "shortest", "max_height": "longest"}


def write_open_clip(
    network: CLIPModel, tokenizer: Any, processor: Any, out: Path, bias: float = 0.0
) -> None:
    """Write a folder that open_clip loads as `local-dir:FOLDER`, and a checkpoint of its trainer.

    The checkpoint (`state_dict` within) is what `--pretrained FILE` takes in open_clip 2 and 3; the
    folder's configuration also says the activation and, for a tokenizer other than CLIP's own,
    that its files lie in the folder.

    Args:
        network: with merged weights.
        tokenizer: of transformers.
        processor: its image processor; None where open_clip has no word for the preprocessing.
        out: the folder.
        bias: what the model adds to its scores, where it was trained with a sigmoid loss.

    Raises:
        ModelError: open_clip cannot say the model's activation or preprocessing.
    """
    config = {"model_cfg": _model(network, tokenizer), "preprocess_cfg": _preprocessing(processor)}
    if isinstance(network, ClipWithResNet):
        state = resnet_to_openai(network)
    else:
        state = OPENAI.back(network.state_dict())
    if bias:
        config["model_cfg"]["init_logit_bias"] = bias
        state["logit_bias"] = torch.tensor(bias)
    _write(out, config, state)
    if not is_clip_bpe(tokenizer):
        tokenizer.save_pretrained(out)


def write_towers(
    network: Any, scale: float, bias: float, tokenizer: Any, source: Path, out: Path
) -> None:
    """The same for BiomedCLIP, whose configuration is copied from beside its weights.

    Args:
        network: the two towers of `nast.models.families.openclip_towers`, with merged weights.
        scale: the factor on cosines.
        bias: what is added to them, not 0 where the model was trained with a sigmoid loss.
        tokenizer: of transformers.
        source: the folder that the base was loaded from.
        out: the folder.

    Raises:
        ModelError: the source holds no configuration, or its towers are not BiomedCLIP's.
    """
    biomed = isinstance(network, ModuleDict) and isinstance(network["image"].encoder, ViTModel)
    if not biomed or not (source / CONFIG).is_file():
        raise ModelError(
            f"{source}: of open_clip's layouts those of CLIP are written, and BiomedCLIP's with "
            f"its {CONFIG} beside the weights; export --to hf"
        )
    state = TIMM_VIT.back(network["image"].encoder.state_dict())
    state |= {f"text.transformer.{k}": v for k, v in network["text"].state_dict().items()}
    heads = {"visual.head.proj": network["image"].head[0]}
    linear = [layer for layer in network["text_head"] if isinstance(layer, torch.nn.Linear)]
    names = ["text.proj"] if len(linear) == 1 else ["text.proj.0", "text.proj.2"]
    heads |= dict(zip(names, linear, strict=True))
    state |= {f"{n}.{k}": v for n, layer in heads.items() for k, v in layer.state_dict().items()}
    state |= {"logit_scale": torch.tensor(scale).log()}
    state |= {"logit_bias": torch.tensor(bias)} if bias else {}
    _write(out, read_json(source / CONFIG), state)
    tokenizer.save_pretrained(out)


def _write(out: Path, config: Any, weights: dict[str, torch.Tensor]) -> None:
    state = {k: v.detach().contiguous() for k, v in weights.items()}
    write_json(out / CONFIG, config)
    write_safetensors(out / WEIGHTS[0], state)
    with atomic(out / CHECKPOINT) as temporary:
        torch.save({"epoch": 0, "name": "nast", "state_dict": state}, temporary)


def _model(network: Any, tokenizer: Any) -> dict[str, Any]:
    text, vision = network.config.text_config, network.config.vision_config
    resnet = isinstance(network, ClipWithResNet)
    activations = {text.hidden_act, *([] if resnet else [vision.hidden_act])}
    if activations not in ({"gelu"}, {"quick_gelu"}):
        raise ModelError(
            f"open_clip runs both towers with gelu or with quick_gelu, not with "
            f"{' and '.join(sorted(activations))}; export --to hf"
        )
    words: dict[str, Any] = {}
    if not is_clip_bpe(tokenizer):
        # open_clip then takes the tokenizer from the folder, whatever name stands here.
        words = {"hf_tokenizer_name": "local", "pool_type": "eos", "eos_id": text.eos_token_id}
        if text.eos_token_id == 2:
            words = {"hf_tokenizer_name": "local"}
    return {
        "embed_dim": network.config.projection_dim,
        "quick_gelu": activations == {"quick_gelu"},
        "vision_cfg": _resnet(network.sizes)
        if resnet
        else _sizes(vision)
        | {
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "head_width": vision.hidden_size // vision.num_attention_heads,
        },
        "text_cfg": _sizes(text)
        | words
        | {
            "context_length": text.max_position_embeddings,
            "vocab_size": text.vocab_size,
            "heads": text.num_attention_heads,
        },
    }


def _resnet(sizes: ResNetSizes) -> dict[str, Any]:
    return {
        "image_size": sizes.grid * STRIDE,
        "layers": list(sizes.depths),
        "width": sizes.width,
        "patch_size": None,
        "head_width": sizes.width * STRIDE // sizes.heads,
    }


def _sizes(config: Any) -> dict[str, Any]:
    sizes = {
        "layers": config.num_hidden_layers,
        "width": config.hidden_size,
        "mlp_ratio": config.intermediate_size / config.hidden_size,
    }
    if config.layer_norm_eps != 1e-5:
        sizes["norm_kwargs"] = {"eps": config.layer_norm_eps}
    return sizes


def _preprocessing(processor: Any) -> dict[str, Any]:
    if processor is None:
        raise ModelError(
            "open_clip has no word for this model's preprocessing; export --to hf "
            "gives the weights without one"
        )
    settings = processor.to_dict()
    if settings["resample"] not in FILTERS:
        raise ModelError(
            f"open_clip resizes with {' or '.join(FILTERS.values())}; this model's "
            f"filter is Pillow's number {settings['resample']}"
        )
    return {
        "mean": list(settings["image_mean"]),
        "std": list(settings["image_std"]),
        "interpolation": FILTERS[settings["resample"]],
        "resize_mode": next(
            (mode for edge, mode in _MODES.items() if edge in settings["size"]), "squash"
        ),
        "fill_color": getattr(processor, "fill_color", 0),
    }
