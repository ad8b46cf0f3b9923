"""The phantom model: a small CLIP that gets the affirmative bias where real models get it.

Second stage: the text tower (12 blocks) and both projections learn from phantom images and
multi-finding reports in which negations are rare; the image tower of the first stage is frozen.
Nothing else separates the result from a model that understands "no": the bias comes from the
captions.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy, normalize
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionModel,
    PreTrainedTokenizerFast,
)

from nast.files import write_json
from nast.hashes import seed_of
from nast.phantom.patients import PhantomStudy, patients
from nast.phantom.pretrain.image_tower import (
    IMAGE_SIZE,
    MEAN,
    SD,
    draw_all,
    pooled,
    schedule,
    train_image_tower,
    vision_config,
)
from nast.phantom.reports import report_of

CONTEXT = 64
PROJECTION = 64
TOKENIZER_NEGATION_RATE = 0.1
"""The tokenizer is the same for every dial setting, so that "no" is one token in all of them."""


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """What decides the phantom model, beside the code.

    Attributes:
        negation_rate: share of mentioned absences that the reports write as a negation, in [0, 1].
        patients: phantom patients that the images come from.
        image_steps: steps of the first stage.
        steps: steps of the second stage.
        batch: images, or image-report pairs, a step.
        learning_rate: peak of the second stage.
        seed: of everything; the demo's patients come from another one.
    """

    negation_rate: float = 0.01
    patients: int = 6000
    image_steps: int = 2400
    steps: int = 600
    batch: int = 128
    learning_rate: float = 2e-3
    seed: int = 7


Report = Callable[[str, int, float], None]


def pretrain_phantom(config: PretrainConfig, folder: Path, report_step: Report) -> None:
    """Both stages from nothing; leaves a Hugging Face folder.

    Args:
        config: what to train.
        folder: gets `config.json`, `model.safetensors`, tokenizer, preprocessor, `phantom.json`.
        report_step: called with (stage, step, loss).
    """
    studies = patients(config.patients, config.seed)
    images = draw_all(studies)
    stage_one = train_image_tower(studies, images, config.image_steps, config.batch, config.seed)
    for step, loss, tower in stage_one:
        report_step("image tower", step, loss)
    for step, loss, model, tokenizer in pretrain(config, studies, tower, pooled(tower, images)):
        report_step("text tower", step, loss)
    save_phantom(folder, model, tokenizer, config)


def train_tokenizer(studies: list[PhantomStudy], seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the phantom's reports; frequent words become single tokens."""
    rng = np.random.default_rng(seed_of(seed, "tokenizer"))
    texts = [report_of(s.facts, TOKENIZER_NEGATION_RATE, rng) for s in studies]
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    # <end> must not have id 2: it would switch transformers to its legacy rule, which pools at
    # the largest id of the row.
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<unused>", "<pad>", "<start>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<start>",
        eos_token="<end>",
        pad_token="<pad>",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def build_model(vocabulary: int, tower: CLIPVisionModel | None, seed: int) -> CLIPModel:
    """A CLIPModel with an untrained text tower (12 blocks of width 64) and a given image tower."""
    torch.manual_seed(seed)
    text = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 12,
        "num_attention_heads": 4,
        "max_position_embeddings": CONTEXT,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 1,
        "projection_dim": PROJECTION,
    }
    vision = vision_config(PROJECTION).to_dict()
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=PROJECTION))
    if tower is not None:
        model.vision_model.load_state_dict(tower.state_dict())
    model.vision_model.requires_grad_(False)
    return model


def phantom_processor() -> CLIPImageProcessorPil:
    """Resize to 96 px without a crop, which would cut off the costophrenic angles."""
    return CLIPImageProcessorPil(
        size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        do_center_crop=False,
        image_mean=[MEAN] * 3,
        image_std=[SD] * 3,
    )


def pretrain(
    config: PretrainConfig,
    studies: list[PhantomStudy],
    tower: CLIPVisionModel,
    features: torch.Tensor,
) -> Iterator[tuple[int, float, CLIPModel, PreTrainedTokenizerFast]]:
    """Second stage; yields (step, loss, model, tokenizer) after each step.

    Args:
        config: what to train.
        studies: that the images belong to.
        tower: the frozen image tower.
        features: its outputs (study, 96), computed once.
    """
    facts = [s.facts for s in studies]
    tokenizer = train_tokenizer(studies, config.seed)
    model = build_model(len(tokenizer), tower, config.seed)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1.0, weight_decay=0.05, fused=True)
    rng = np.random.default_rng(seed_of(config.seed, "batches"))
    order: list[int] = []
    for step in range(config.steps):
        optimizer.param_groups[0]["lr"] = config.learning_rate * schedule(step, config.steps)
        if len(order) < config.batch:
            order = list(rng.permutation(len(studies)))
        rows = [order.pop() for _ in range(config.batch)]
        texts = [report_of(facts[i], config.negation_rate, rng) for i in rows]
        loss = _loss(model, tokenizer, texts, features[rows])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            model.logit_scale.clamp_(max=math.log(100))
        yield step + 1, loss.item(), model, tokenizer


def _loss(
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    features: torch.Tensor,
) -> torch.Tensor:
    """CLIP's symmetric loss of a batch."""
    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    text = model.get_text_features(**tokens).pooler_output
    image = model.visual_projection(features)
    logits = model.logit_scale.exp() * normalize(image, dim=-1) @ normalize(text, dim=-1).T
    diagonal = torch.arange(len(texts))
    return (cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)) / 2


def save_phantom(
    folder: Path,
    model: CLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    config: PretrainConfig,
) -> None:
    """Write a Hugging Face folder (half precision), with the configuration in `phantom.json`."""
    model.half().save_pretrained(folder)
    model.float()
    tokenizer.save_pretrained(folder)
    phantom_processor().save_pretrained(folder)
    write_json(Path(folder) / "phantom.json", asdict(config))
