"""A doctor for models: cheap tests that catch silent mistakes, each with its mend."""

import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image

from nast.errors import ImageError, InputError
from nast.facts.conditions import CONDITIONS
from nast.language.write.templates import STYLES, WRITTEN_FORMS, sentence
from nast.models.cleaning import apply_rules
from nast.models.contract import DualEncoder
from nast.models.images import open_image
from nast.phantom.draw import draw_frontal
from nast.phantom.patients import patients
from nast.records import Fact
from nast.tracing.patching import sweep
from nast.tracing.probes import make_probes

TEXTS = ("There is no pneumothorax.", "There is severe pneumothorax.")
TOLERANCE = 1e-4
PICTURES = 4
Verdict = Literal["ok", "note", "broken"]


class Finding(NamedTuple):
    """What one test found; `mend` is what to do where it is not ok."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def check_model(model: DualEncoder) -> list[Finding]:
    """Test a loaded model on a few sentences and drawn radiographs; takes seconds.

    That its weights fit exactly is already known: loading refuses missing and unexpected keys.

    Returns:
        Findings in a fixed order. One that is `broken` makes every number of the model worthless,
        a `note` is what its user should know.
    """
    return [*_declared(model), *_texts(model), *_patching(model), *_words(model), *_images(model)]


def broken(findings: list[Finding]) -> list[Finding]:
    """Those that make a model unfit for use."""
    return [f for f in findings if f.verdict == "broken"]


def _declared(model: DualEncoder) -> list[Finding]:
    """What the model says of itself."""
    found = []
    activation = str(model.spec.get("activation", ""))
    clip_sizes = len(model.tokenizer) == 49408 and model.text.causal
    if clip_sizes and activation == "gelu":
        found.append(
            Finding(
                "activation",
                "note",
                "gelu, with the vocabulary of OpenAI's CLIP",
                "weights that descend from OpenAI's want quick_gelu (ViT-B-32-quickgelu); "
                "LAION's gelu",
            )
        )
    found += [Finding("declared", "note", str(text)) for text in model.spec.get("declared", [])]
    return found


def _texts(model: DualEncoder) -> list[Finding]:
    longer = [*TEXTS, " ".join(["There is pneumonia."] * 4)]
    together = model.encode_texts(longer)
    alone = torch.cat([model.encode_texts([t]) for t in longer])
    cosines = together @ together.T
    return [
        _small(
            "unit vectors",
            (together.norm(dim=-1) - 1).abs().max(),
            "a family's towers must end in normalised vectors",
        ),
        _small(
            "a text alone equals the text in a batch",
            (together - alone).abs().max(),
            "padding is seen: set the mask, or the padding `own length` or `fixed`",
        ),
        Finding(
            "different texts differ",
            "ok" if cosines.min() < 0.9999 else "broken",
            f"cosine of '{TEXTS[0]}' and '{TEXTS[1]}' {float(cosines[0, 1]):.3f}",
            "the vector is read at a position that sees no text: check the end token",
        ),
    ]


def _patching(model: DualEncoder) -> list[Finding]:
    """Block by block: own states change nothing, and the row that is read carries everything."""
    (ids, mask), (other, other_mask) = (model.tokenize([t]) for t in TEXTS)
    if not torch.equal(mask, other_mask):
        return []
    vectors = model.encode_texts(TEXTS)
    ids, other, mask = (x.to(model.device) for x in (ids, other, mask))
    same = sweep(model.text, ids[0], ids[0], mask[0])["residual"]
    mend = "the blocks of the text tower do not make up the whole: do not trace this model"
    found = [_small("patching own states changes nothing", (same - vectors[0]).abs().max(), mend)]
    read = model.text.pooled_row(ids, mask)
    if read is not None and len(model.text.read_layers) == 1:
        patched = sweep(model.text, ids[0], other[0], mask[0])["residual"][-1, int(read)]
        error = (patched - vectors[1]).abs().max()
        found.append(_small("patching the row that is read gives the source", error, mend))
    return found


def _words(model: DualEncoder) -> list[Finding]:
    """Whether our sentences fit the tokenizer, and whether its words can be traced."""
    names = [n for n, c in CONDITIONS.items() if c.normal]
    longest = max((len(CONDITIONS[n].normal or ""), n) for n in names)[1]
    facts = [Fact(longest, "absent"), Fact(names[0], "present"), Fact(names[1], "absent")]
    texts = [sentence(facts, style, form) for style in STYLES for form in WRITTEN_FORMS]
    tokens = max(model.token_count(t) for t in texts)
    fits = tokens <= model.max_tokens
    found = [
        Finding(
            "options fit the context",
            "ok" if fits else "note",
            f"{tokens} of {model.max_tokens} tokens",
            "longer options are cut, and scores mark them `truncated`",
        )
    ]
    unknown = model.tokenizer.unk_token_id
    terms = [apply_rules(CONDITIONS[n].term, model.text_rules) for n in names]
    # Without special tokens: CLIP's token for the unknown is the one that ends a text.
    pieces = [model.tokenizer(t, add_special_tokens=False)["input_ids"] for t in terms]
    blind = unknown is not None and any(unknown in ids for ids in pieces)
    found.append(
        Finding(
            "tokenizer knows the conditions",
            "broken" if blind else "ok",
            f"{len(model.tokenizer):,} tokens",
            "this is another model's tokenizer",
        )
    )
    try:
        probes, dropped = make_probes(model, names)
    except InputError as error:
        return [*found, Finding("caption pairs for a trace", "note", str(error), "do not trace it")]
    what = f"{len(probes) // 2} of {len(names)} conditions"
    reasons = "; ".join(f"{n}: {r}" for n, r in dropped.items())
    return [
        *found,
        Finding("caption pairs for a trace", "note" if dropped else "ok", what, reasons),
    ]


def _images(model: DualEncoder) -> list[Finding]:
    """Drawn radiographs: they must differ, keep their range, and not depend on the bit depth.

    Vectors that are ready have no drawn ones among them; that they are finite was seen on loading.
    """
    if model.ready:
        said = ", ".join(f"{name} {value}" for name, value in model.spec["vectors"].items())
        return [Finding("ready vectors of images", "note", said, "no image is looked at")]
    pictures = [
        draw_frontal(s.present, np.random.default_rng(s.seed))
        for s in patients(PICTURES, 0)[:PICTURES]
    ]
    # Spread over the whole range, as the same picture from a 12-bit detector will be.
    pictures[0] = _stretched(pictures[0], 255)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.png" for i in range(len(pictures) + 2)]
        for path, picture in zip(paths, pictures, strict=False):
            Image.fromarray(picture).save(path)
        Image.fromarray(_stretched(pictures[0], 4095)).save(paths[-2])
        Image.fromarray(255 - pictures[0]).save(paths[-1])
        try:
            vectors = model.encode_images(paths)
        except ImageError as error:
            return [Finding("images", "broken", str(error), "see the model's preprocessing")]
        pixels = next(iter(model.pixels([open_image(p) for p in paths[:1]]).values())).float()
    cosines = (vectors @ vectors.T).fill_diagonal_(0)
    nearest = float(cosines[0, 1 : len(pictures)].max())
    deep, inverse = float(cosines[0, -2]), float(cosines[0, -1])
    low, high = float(pixels.min()), float(pixels.max())
    wide = high - low > 0.2 and max(abs(low), abs(high)) < 10
    return [
        _small(
            "unit vectors of images",
            (vectors.norm(dim=-1) - 1).abs().max(),
            "a family's towers must end in normalised vectors",
        ),
        Finding(
            "pixel values",
            "ok" if wide else "broken",
            f"from {low:.2f} to {high:.2f}",
            "mean and std belong to another range: 0..1 or 0..255",
        ),
        Finding(
            "an image and its inverse differ",
            "ok" if inverse < 0.9999 else "broken",
            f"cosine {inverse:.4f}",
            "the image tower sees nothing: check the preprocessing",
        ),
        Finding(
            "images of patients differ",
            "ok" if nearest < 0.9999 else "note",
            f"largest cosine {nearest:.4f}",
            "scores of images will be nearly equal",
        ),
        Finding(
            "16-bit images",
            "ok" if deep > 0.99 else "broken",
            f"cosine with the same picture in 8 bits {deep:.4f}",
            "deep values are cut",
        ),
    ]


def _stretched(picture: np.ndarray, white: int) -> np.ndarray:
    """The picture's values spread over 0..white, in eight bits where they fit."""
    values = picture.astype(np.float64) - picture.min()
    return np.rint(values / values.max() * white).astype(np.uint8 if white < 256 else np.uint16)


def _small(name: str, error: torch.Tensor, mend: str) -> Finding:
    good = bool(error < TOLERANCE)
    return Finding(name, "ok" if good else "broken", f"off by {float(error):.1e}", mend)
