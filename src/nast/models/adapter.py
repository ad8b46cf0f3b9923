"""The LoRA weights of a run, put on its base: all of them must fit, and nothing else is obeyed."""

import json
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.utils import set_peft_model_state_dict

from nast.errors import ModelError
from nast.files import checked, read_json
from nast.models.weights.checkpoints import read_safetensors
from nast.models.weights.model_folders import check_keys
from nast.models.weights.pretrained import ADAPTER, refusing

WEIGHTS = "adapter_model.safetensors"
SETTINGS = ("r", "lora_alpha", "target_modules")
"""What a run of nast sets in peft's configuration; it names no other."""
_NOTES = (
    "task_type",
    "peft_version",
    "base_model_name_or_path",
    "revision",
    "auto_mapping",
    "inference_mode",
    "lora_dropout",
    "init_lora_weights",
)
"""Keys of peft's configuration that change no loaded vector, and are not looked at."""


def put_lora(network: Any, folder: Path) -> PeftModel:
    """The network with the LoRA weights of a folder, frozen.

    Args:
        network: of the base; its modules are wrapped in place.
        folder: `lora` of a run: peft's configuration and a file of weights.

    Raises:
        ModelError: a file is missing or damaged, a weight is missing, left over or of another
            shape, or the configuration asks for more than a run of nast does.
    """
    config, file = _config(folder / ADAPTER), folder / WEIGHTS
    weights = read_safetensors(checked(file))
    with refusing(f"{folder}: these LoRA weights do not fit the base"):
        made = get_peft_model(network, config)
        wanted = get_peft_model_state_dict(made, save_embedding_layers=False)
        check_keys(str(file), wanted.keys() - weights.keys(), weights.keys() - wanted.keys())
        set_peft_model_state_dict(made, weights)
    made.eval().requires_grad_(False)
    return made  # type: ignore[return-value]


def _config(file: Path) -> LoraConfig:
    found = read_json(file)
    if not isinstance(found, dict) or found.get("peft_type") != "LORA":
        raise ModelError(f"{file}: found no configuration of LoRA, expected that of a run of nast")
    with refusing(f"{file}: no configuration of LoRA"):
        config = LoraConfig(**{name: found[name] for name in SETTINGS}, lora_dropout=0.0)
        plain = json.loads(json.dumps(config.to_dict(), default=str))
    for name, value in plain.items():
        same = found.get(name) == value or not (found.get(name) or value)
        if name not in (*SETTINGS, *_NOTES, "peft_type") and not same:
            raise ModelError(
                f"{file}: {name} is set, which a run of nast does not; merge these "
                "weights into their base with peft and load that"
            )
    return config
