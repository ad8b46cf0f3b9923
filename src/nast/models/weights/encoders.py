"""Encoders of transformers, and a ResNet, filled with weights that must fit exactly."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    EfficientNetConfig,
    EfficientNetModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)
from transformers.utils import logging

from nast.models.weights.model_folders import check_keys
from nast.models.weights.pretrained import SAFELY, refuse_kernels, refusing
from nast.models.weights.resnet import ResNet

logging.disable_progress_bar()
CLASSES: dict[str, tuple[Any, Any]] = {
    "bert": (BertConfig, BertModel),
    "vit": (ViTConfig, ViTModel),
    "swin": (SwinConfig, SwinModel),
    "dinov2": (Dinov2Config, Dinov2Model),
    "clip": (CLIPVisionConfig, CLIPVisionModel),
    "efficientnet": (EfficientNetConfig, EfficientNetModel),
}
"""Encoders of transformers by kind; `resnet` is our own."""


def build_encoder(
    kind: str,
    config: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    source: str,
    *,
    pooler: bool = False,
) -> Any:
    """An encoder with exactly these weights; names from before transformers 5 are converted.

    Args:
        kind: a name of `CLASSES`, or `resnet`.
        config: arguments of its configuration; of `resnet`: `depths`, `width`.
        weights: all of its weights and nothing else.
        source: the file, for messages.
        pooler: whether BERT's pooler is part of it.

    Raises:
        ModelError: keys are missing or unexpected, or sizes differ.
    """
    if kind == "resnet":
        with refusing(f"{source}: weights do not fit a ResNet"):
            network = ResNet(**config)
            result = network.load_state_dict(dict(weights), strict=False)
        check_keys(source, result.missing_keys, result.unexpected_keys)
        return network
    refuse_kernels(config, source)
    config_class, model_class = CLASSES[kind]
    # Swin's pooler is a mean without weights; the others' is a layer that no dual encoder reads.
    options = {} if kind in ("dinov2", "clip", "efficientnet") else {"add_pooling_layer": pooler}
    with refusing(f"{source}: weights do not fit this {kind}"):
        return filled(model_class, config_class(**config), dict(weights), source, **options)


def filled(
    model_class: Any, config: Any, weights: dict[str, torch.Tensor], source: str, **options: Any
) -> Any:
    """A network of transformers with exactly these weights.

    Args:
        model_class: for example `CLIPModel`.
        config: of the same sizes.
        weights: under the class's own names.
        source: the file, for messages.
        options: further arguments of the class.

    Raises:
        ModelError: a tensor is missing, left over or of another shape.
    """
    with refusing(f"{source}: weights do not fit"):
        network, loading = model_class.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            dtype=torch.float32,
            output_loading_info=True,
            **SAFELY,
            **options,
        )
    check_keys(source, loading["missing_keys"], loading["unexpected_keys"])
    return network
