"""CLIP and BiomedCLIP from their published formulas, on weights under open_clip's names.

Radford et al. 2021 (pre-norm blocks, causal text read at its last token), Dosovitskiy et al. 2021
(ViT), Devlin et al. 2019 (post-norm BERT). Nothing of transformers or of nast is used.
"""

from functools import cache

import torch
from torch.nn.functional import conv2d, gelu, layer_norm, normalize


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = {"gelu": gelu, "quick_gelu": quick_gelu}


@cache
def clip_weights(seed=0, width=128, layers=2, embed=16, context=24, vocabulary=49408, patch=16,
                 grid=2):  # fmt: skip
    """A random checkpoint in OpenAI's layout: heads of 64, as everywhere in CLIP."""
    made = Maker(seed)
    made("token_embedding.weight", vocabulary, width)
    made("positional_embedding", context, width)
    made("text_projection", width, embed)
    made.norm("ln_final", width)
    made.clip_image(width, layers, embed, patch, grid)
    for n in range(layers):
        made.clip_block(f"transformer.resblocks.{n}.", width)
    made.weights["logit_scale"] = torch.tensor(3.0)
    return made.weights


class Maker:
    """Draws tensors; none is alike another, so that no two can be mixed up unseen."""

    def __init__(self, seed):
        self.weights, self.generator = {}, torch.Generator().manual_seed(seed)

    def __call__(self, name, *shape, centre=0.0):
        fan = shape[-1] if len(shape) == 2 else 25
        self.weights[name] = centre + torch.randn(shape, generator=self.generator) / fan**0.5

    def norm(self, name, width):
        self(f"{name}.weight", width, centre=1.0)
        self(f"{name}.bias", width)

    def linear(self, name, rows, columns, bias=True):
        self(f"{name}.weight", rows, columns)
        if bias:
            self(f"{name}.bias", rows)

    def clip_block(self, prefix, width):
        self(f"{prefix}attn.in_proj_weight", 3 * width, width)
        self(f"{prefix}attn.in_proj_bias", 3 * width)
        self.linear(f"{prefix}attn.out_proj", width, width)
        self.linear(f"{prefix}mlp.c_fc", 2 * width, width)
        self.linear(f"{prefix}mlp.c_proj", width, 2 * width)
        self.norm(f"{prefix}ln_1", width)
        self.norm(f"{prefix}ln_2", width)

    def clip_image(self, width, layers, embed, patch, grid):
        self("visual.class_embedding", width)
        self("visual.positional_embedding", grid * grid + 1, width)
        self("visual.conv1.weight", width, 3, patch, patch)
        self("visual.proj", width, embed)
        self.norm("visual.ln_pre", width)
        self.norm("visual.ln_post", width)
        for n in range(layers):
            self.clip_block(f"visual.transformer.resblocks.{n}.", width)

    def timm_image(self, width, layers, embed, patch, grid):
        trunk = "visual.trunk."
        self(f"{trunk}cls_token", 1, 1, width)
        self(f"{trunk}pos_embed", 1, grid * grid + 1, width)
        self(f"{trunk}patch_embed.proj.weight", width, 3, patch, patch)
        self(f"{trunk}patch_embed.proj.bias", width)
        self.norm(f"{trunk}norm", width)
        self.linear("visual.head.proj", embed, width, bias=False)
        for n in range(layers):
            block = f"{trunk}blocks.{n}."
            self.linear(f"{block}attn.qkv", 3 * width, width)
            self.linear(f"{block}attn.proj", width, width)
            self.linear(f"{block}mlp.fc1", 2 * width, width)
            self.linear(f"{block}mlp.fc2", width, 2 * width)
            self.norm(f"{block}norm1", width)
            self.norm(f"{block}norm2", width)

    def bert(self, name, width, layers, embed, vocabulary, positions):
        words = f"{name}.transformer.embeddings."
        for kind, rows in (("word", vocabulary), ("position", positions), ("token_type", 2)):
            self(f"{words}{kind}_embeddings.weight", rows, width)
        self.norm(f"{words}LayerNorm", width)
        hidden = (width + embed) // 2
        self.linear(f"{name}.proj.0", hidden, width, bias=False)
        self.linear(f"{name}.proj.2", embed, hidden, bias=False)
        for n in range(layers):
            block = f"{name}.transformer.encoder.layer.{n}."
            for part in ("query", "key", "value"):
                self.linear(f"{block}attention.self.{part}", width, width)
            self.linear(f"{block}attention.output.dense", width, width)
            self.norm(f"{block}attention.output.LayerNorm", width)
            self.linear(f"{block}intermediate.dense", 2 * width, width)
            self.linear(f"{block}output.dense", width, 2 * width)
            self.norm(f"{block}output.LayerNorm", width)


def affine(w, name, x):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def norm(w, name, x, eps=1e-5):
    return layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)


def attend(q, k, v, mask=None, head=64):
    q, k, v = (x.unflatten(-1, (-1, head)).transpose(-2, -3) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / head**0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return (scores.softmax(-1) @ v).transpose(-2, -3).flatten(-2)


def clip_block(w, prefix, x, activation, mask=None):
    y = norm(w, f"{prefix}ln_1", x)
    packed = y @ w[f"{prefix}attn.in_proj_weight"].T + w[f"{prefix}attn.in_proj_bias"]
    x = x + affine(w, f"{prefix}attn.out_proj", attend(*packed.chunk(3, -1), mask))
    y = affine(w, f"{prefix}mlp.c_fc", norm(w, f"{prefix}ln_2", x))
    return x + affine(w, f"{prefix}mlp.c_proj", ACTIVATIONS[activation](y))


def blocks(w, prefix):
    return sorted({int(k[len(prefix) :].split(".")[0]) for k in w if k.startswith(prefix)})


def clip_text(w, ids, activation):
    """Unit vectors of rows of ids; the end token is the largest id."""
    x = w["token_embedding.weight"][ids] + w["positional_embedding"][: ids.shape[1]]
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
    for n in blocks(w, "transformer.resblocks."):
        x = clip_block(w, f"transformer.resblocks.{n}.", x, activation, causal)
    rows = norm(w, "ln_final", x)[torch.arange(len(ids)), ids.argmax(-1)]
    return normalize(rows @ w["text_projection"], dim=-1)


def patches(pixels, weight, bias, cls, positions):
    x = conv2d(pixels, weight, bias, stride=weight.shape[-1]).flatten(2).transpose(1, 2)
    return torch.cat([cls.expand(len(x), 1, -1), x], 1) + positions


def clip_image(w, pixels, activation):
    x = patches(pixels, w["visual.conv1.weight"], None, w["visual.class_embedding"],
                w["visual.positional_embedding"])  # fmt: skip
    x = norm(w, "visual.ln_pre", x)
    for n in blocks(w, "visual.transformer.resblocks."):
        x = clip_block(w, f"visual.transformer.resblocks.{n}.", x, activation)
    return normalize(norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"], dim=-1)


def timm_image(w, pixels):
    t = "visual.trunk."
    x = patches(pixels, w[f"{t}patch_embed.proj.weight"], w[f"{t}patch_embed.proj.bias"],
                w[f"{t}cls_token"], w[f"{t}pos_embed"])  # fmt: skip
    for n in blocks(w, f"{t}blocks."):
        b = f"{t}blocks.{n}."
        qkv = affine(w, f"{b}attn.qkv", norm(w, f"{b}norm1", x, 1e-6)).chunk(3, -1)
        x = x + affine(w, f"{b}attn.proj", attend(*qkv))
        y = gelu(affine(w, f"{b}mlp.fc1", norm(w, f"{b}norm2", x, 1e-6)))
        x = x + affine(w, f"{b}mlp.fc2", y)
    return normalize(affine(w, "visual.head.proj", norm(w, f"{t}norm", x, 1e-6)[:, 0]), dim=-1)


def bert_text(w, ids, mask, name="text"):
    """Unit vectors: [CLS] of the last block, an MLP without biases; padding is not attended to."""
    e = f"{name}.transformer.embeddings."
    x = (w[f"{e}word_embeddings.weight"][ids] + w[f"{e}token_type_embeddings.weight"][0]
         + w[f"{e}position_embeddings.weight"][: ids.shape[1]])  # fmt: skip
    x = norm(w, f"{e}LayerNorm", x, 1e-12)
    for n in blocks(w, f"{name}.transformer.encoder.layer."):
        b = f"{name}.transformer.encoder.layer.{n}."
        q, k, v = (affine(w, f"{b}attention.self.{p}", x) for p in ("query", "key", "value"))
        y = affine(w, f"{b}attention.output.dense", attend(q, k, v, mask[:, None, None].bool()))
        x = norm(w, f"{b}attention.output.LayerNorm", x + y, 1e-12)
        y = affine(w, f"{b}output.dense", gelu(affine(w, f"{b}intermediate.dense", x)))
        x = norm(w, f"{b}output.LayerNorm", x + y, 1e-12)
    hidden = gelu(affine(w, f"{name}.proj.0", x[:, 0]))
    return normalize(affine(w, f"{name}.proj.2", hidden), dim=-1)
