"""CLIP, BiomedCLIP and SigLIP from their published formulas, on weights under open_clip's names.

Radford et al. 2021 (pre-norm blocks, causal text read at its last token; ResNets with attention as
pooling), Dosovitskiy et al. 2021 (ViT), Devlin et al. 2019 (post-norm BERT), Zhai et al. 2022 and
2023 (pooling by a learned query; SigLIP). Nothing of transformers or of nast is used.
"""

from functools import cache

import torch
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, gelu, layer_norm, normalize


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


def tanh_gelu(x):
    return x / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


ACTIVATIONS = {"gelu": gelu, "quick_gelu": quick_gelu, "tanh": tanh_gelu}


@cache
def clip_weights(
    seed=0, width=128, layers=2, embed=16, context=24, vocabulary=49408, patch=16, grid=2
):
    """A random checkpoint in OpenAI's layout: heads of 64, as everywhere in CLIP."""
    made = Maker(seed)
    made.clip_text(width, layers, context, vocabulary)
    made("text_projection", width, embed)
    made.clip_image(width, layers, embed, patch, grid)
    made.weights["logit_scale"] = torch.tensor(3.0)
    return made.weights


@cache
def resnet_weights(depths=(1, 2, 1, 1), stem=4, grid=2, embed=16):
    """The same with a ResNet: the last map has 32 * stem channels, in heads of 64."""
    made = Maker(1)
    made.clip_text(128, 2, 24, 49408)
    made("text_projection", 128, embed)
    made.resnet(depths, stem, grid, embed)
    made.weights["logit_scale"] = torch.tensor(3.0)
    return made.weights


def siglip_weights(width=96, layers=2, context=12, vocabulary=30, patch=16, grid=2):
    """A random SigLIP in open_clip's layout: 12 heads of 8 in both towers."""
    made = Maker(2)
    made.clip_text(width, layers, context, vocabulary)
    made.linear("text_projection", width, width)
    weights = {f"text.{k}": v for k, v in made.weights.items()}
    made.weights = {}
    made.siglip_image(width, layers, patch, grid)
    scales = {"logit_scale": torch.tensor(2.0), "logit_bias": torch.tensor(-7.0)}
    return weights | made.weights | scales


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

    def clip_text(self, width, layers, context, vocabulary):
        self("token_embedding.weight", vocabulary, width)
        self("positional_embedding", context, width)
        self.norm("ln_final", width)
        for n in range(layers):
            self.clip_block(f"transformer.resblocks.{n}.", width)

    def convolution(self, name, bn, rows, columns, side):
        self(f"{name}.weight", rows, columns, side, side)
        self.weights[f"{name}.weight"] *= 5 / (columns * side * side) ** 0.5
        self.norm(bn, rows)
        self(f"{bn}.running_mean", rows)
        self(f"{bn}.running_var", rows)
        self.weights[f"{bn}.running_var"] = 1 + self.weights[f"{bn}.running_var"].abs()
        self.weights[f"{bn}.num_batches_tracked"] = torch.tensor(9)

    def resnet(self, depths, stem, grid, embed):
        for n, (rows, columns) in enumerate([(stem // 2, 3), (stem // 2,) * 2, (stem, stem // 2)]):
            self.convolution(f"visual.conv{n + 1}", f"visual.bn{n + 1}", rows, columns, 3)
        inputs = stem
        for stage, depth in enumerate(depths):
            width = stem * 2**stage
            for i in range(depth):
                block = f"visual.layer{stage + 1}.{i}."
                for n, (rows, columns, side) in enumerate(
                    [(width, inputs, 1), (width, width, 3), (4 * width, width, 1)], 1
                ):
                    self.convolution(f"{block}conv{n}", f"{block}bn{n}", rows, columns, side)
                if not i:
                    names = f"{block}downsample.0", f"{block}downsample.1"
                    self.convolution(*names, 4 * width, inputs, 1)
                inputs = 4 * width
        self("visual.attnpool.positional_embedding", grid * grid + 1, inputs)
        for name, rows in (("q", inputs), ("k", inputs), ("v", inputs), ("c", embed)):
            self.linear(f"visual.attnpool.{name}_proj", rows, inputs)

    def siglip_image(self, width, layers, patch, grid):
        trunk = "visual.trunk."
        self(f"{trunk}pos_embed", 1, grid * grid, width)
        self(f"{trunk}patch_embed.proj.weight", width, 3, patch, patch)
        self(f"{trunk}patch_embed.proj.bias", width)
        self.norm(f"{trunk}norm", width)
        for n in range(layers):
            self.timm_block(f"{trunk}blocks.{n}.", width)
        pool = f"{trunk}attn_pool."
        self(f"{pool}latent", 1, 1, width)
        self.norm(f"{pool}norm", width)
        for name, rows, columns in (
            ("q", 1, 1),
            ("kv", 2, 1),
            ("proj", 1, 1),
            ("mlp.fc1", 2, 1),
            ("mlp.fc2", 1, 2),
        ):
            self.linear(f"{pool}{name}", rows * width, columns * width)

    def timm_block(self, block, width):
        self.linear(f"{block}attn.qkv", 3 * width, width)
        self.linear(f"{block}attn.proj", width, width)
        self.linear(f"{block}mlp.fc1", 2 * width, width)
        self.linear(f"{block}mlp.fc2", width, 2 * width)
        self.norm(f"{block}norm1", width)
        self.norm(f"{block}norm2", width)

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
            self.timm_block(f"{trunk}blocks.{n}.", width)

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


def clip_block(w, prefix, x, activation, mask=None, head=64, eps=1e-5):
    y = norm(w, f"{prefix}ln_1", x, eps)
    packed = y @ w[f"{prefix}attn.in_proj_weight"].T + w[f"{prefix}attn.in_proj_bias"]
    x = x + affine(w, f"{prefix}attn.out_proj", attend(*packed.chunk(3, -1), mask, head))
    y = affine(w, f"{prefix}mlp.c_fc", norm(w, f"{prefix}ln_2", x, eps))
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
    x = patches(
        pixels,
        w["visual.conv1.weight"],
        None,
        w["visual.class_embedding"],
        w["visual.positional_embedding"],
    )
    x = norm(w, "visual.ln_pre", x)
    for n in blocks(w, "visual.transformer.resblocks."):
        x = clip_block(w, f"visual.transformer.resblocks.{n}.", x, activation)
    return normalize(norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"], dim=-1)


def resnet_image(w, pixels):
    """The mean of the last map's cells asks them and itself; strides are means over 2 x 2."""

    def layer(x, name, bn, stride=1):
        weight = w[f"{name}.weight"]
        x = conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        return batch_norm(
            x, *(w[f"{bn}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        )

    x = pixels
    for n in (1, 2, 3):
        x = layer(x, f"visual.conv{n}", f"visual.bn{n}", 2 if n == 1 else 1).relu()
    x = avg_pool2d(x, 2)
    for stage in (1, 2, 3, 4):
        for i in blocks(w, f"visual.layer{stage}."):
            b = f"visual.layer{stage}.{i}."
            y = layer(x, f"{b}conv1", f"{b}bn1").relu()
            y = layer(y, f"{b}conv2", f"{b}bn2").relu()
            if stage > 1 and i == 0:
                x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
            if i == 0:
                x = layer(x, f"{b}downsample.0", f"{b}downsample.1")
            x = (x + layer(y, f"{b}conv3", f"{b}bn3")).relu()
    pool, x = "visual.attnpool.", x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + w[f"{pool}positional_embedding"]
    q, k, v = (affine(w, f"{pool}{name}_proj", x) for name in "qkv")
    return normalize(affine(w, f"{pool}c_proj", attend(q, k, v)[:, 0]), dim=-1)


def siglip_text(w, ids, activation, eps):
    """Every position sees every other; the last one is read, padding or not."""
    w = {k.removeprefix("text."): v for k, v in w.items()}
    x = w["token_embedding.weight"][ids] + w["positional_embedding"]
    for n in blocks(w, "transformer.resblocks."):
        x = clip_block(w, f"transformer.resblocks.{n}.", x, activation, head=8, eps=eps)
    return normalize(affine(w, "text_projection", norm(w, "ln_final", x, eps)[:, -1]), dim=-1)


def siglip_image(w, pixels, activation):
    t, p = "visual.trunk.", "visual.trunk.attn_pool."
    weight = w[f"{t}patch_embed.proj.weight"]
    x = conv2d(pixels, weight, w[f"{t}patch_embed.proj.bias"], stride=weight.shape[-1])
    x = timm_blocks(w, x.flatten(2).transpose(1, 2) + w[f"{t}pos_embed"], activation, 8)
    k, v = affine(w, f"{p}kv", norm(w, f"{t}norm", x, 1e-6)).chunk(2, -1)
    x = attend(affine(w, f"{p}q", w[f"{p}latent"]).expand(len(x), -1, -1), k, v, head=8)
    x = affine(w, f"{p}proj", x)[:, 0]
    y = ACTIVATIONS[activation](affine(w, f"{p}mlp.fc1", norm(w, f"{p}norm", x, 1e-6)))
    return normalize(x + affine(w, f"{p}mlp.fc2", y), dim=-1)


def timm_blocks(w, x, activation="gelu", head=64):
    for n in blocks(w, "visual.trunk.blocks."):
        b = f"visual.trunk.blocks.{n}."
        qkv = affine(w, f"{b}attn.qkv", norm(w, f"{b}norm1", x, 1e-6)).chunk(3, -1)
        x = x + affine(w, f"{b}attn.proj", attend(*qkv, head=head))
        y = ACTIVATIONS[activation](affine(w, f"{b}mlp.fc1", norm(w, f"{b}norm2", x, 1e-6)))
        x = x + affine(w, f"{b}mlp.fc2", y)
    return x


def timm_image(w, pixels):
    t = "visual.trunk."
    x = patches(
        pixels,
        w[f"{t}patch_embed.proj.weight"],
        w[f"{t}patch_embed.proj.bias"],
        w[f"{t}cls_token"],
        w[f"{t}pos_embed"],
    )
    x = timm_blocks(w, x)
    return normalize(affine(w, "visual.head.proj", norm(w, f"{t}norm", x, 1e-6)[:, 0]), dim=-1)


def bert_text(w, ids, mask, name="text"):
    """Unit vectors: [CLS] of the last block, an MLP without biases; padding is not attended to."""
    e = f"{name}.transformer.embeddings."
    x = (
        w[f"{e}word_embeddings.weight"][ids]
        + w[f"{e}token_type_embeddings.weight"][0]
        + w[f"{e}position_embeddings.weight"][: ids.shape[1]]
    )
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
