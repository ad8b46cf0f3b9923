"""What one sweep saves against one hooked forward for every (layer, position, pair).

A text tower of the sizes of CLIP ViT-B/32 (12 blocks of width 512, random weights), CLIP's own
tokenizer, the 26 ordered caption pairs of the 13 conditions, 5,000 random image vectors. Prints
the time of both ways in the same run, how far their vectors differ, how many token rows pass
through blocks, and the time of a whole trace. With `--siglip` instead: the sweep of one pair in a
text tower of the sizes of SigLIP base (12 blocks of width 768, all of 64 positions seen).

    python benchmarks/trace_speed.py [--threads N] [--plain PAIRS] [--siglip]
"""

import argparse
import time
from pathlib import Path

import polars as pl
import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from nast.facts.conditions import CONDITIONS
from nast.models.clip_bpe import clip_tokenizer
from nast.models.families.hf import HFTextTower, dual_encoder
from nast.sources.collect import Facts
from nast.tracing.patching import SITES, sweep
from nast.tracing.probes import make_probes
from nast.tracing.trace import trace

SAMPLES = 5000
NAMES = list(CONDITIONS)[:13]


def random_vit_b_32():
    torch.manual_seed(0)
    config = CLIPConfig()
    config.text_config.eos_token_id = 49407
    network = CLIPModel(config)
    return dual_encoder(network, clip_tokenizer(), _NoProcessor(), "random ViT-B/32", "0", "random")


class _NoProcessor:
    """Nothing is made of pixels here."""

    def to_dict(self):
        return {}

    def __call__(self, images):
        raise NotImplementedError


class ReadyImages:
    """In place of stored vectors: random unit vectors, ready."""

    def __init__(self, model) -> None:
        self.model = model
        self.vectors = torch.nn.functional.normalize(torch.randn(SAMPLES, 512), dim=-1)

    def images(self, paths):
        """Rows of the ready vectors; a path is the number of one."""
        return self.vectors[[int(p) for p in paths]]


@torch.no_grad()
def plain_sweep(model, target, source):
    """One hooked forward for each layer and position, as transformers runs the text model."""
    network, text = model.network, model.network.text_model
    modules = [text.embeddings, *text.encoder.layers]
    donors: list[torch.Tensor] = []

    def run(ids, hooks):
        handles = [module.register_forward_hook(hook) for module, hook in hooks]
        vector = network.get_text_features(input_ids=ids[None]).pooler_output[0]
        for handle in handles:
            handle.remove()
        return vector / vector.norm()

    run(source, [(m, lambda module, i, out: donors.append(out.clone())) for m in modules])
    found = torch.empty(len(modules), len(target), 512)
    for layer, module in enumerate(modules):
        for position in range(len(target)):

            def patch(m, i, out, layer=layer, position=position):
                out = out.clone()
                out[:, position] = donors[layer][:, position]
                return out

            found[layer, position] = run(target, [(module, patch)])
    return found


class RowCounter:
    """Counts the token rows that blocks look at; they compute no more than these."""

    def __init__(self, model) -> None:
        self.rows = 0
        for block in model.network.text_model.encoder.layers:
            block.self_attn.k_proj.register_forward_pre_hook(self._count)

    def _count(self, module, inputs):
        self.rows += inputs[0].shape[0] * inputs[0].shape[1]


def facts_table(names):
    rows = [
        {
            "subject_id": str(i),
            "study_id": str(i),
            "split": "train",
            "image_path": str(i),
            "condition": names[i % len(names)],
            "existence": ("absent", "present")[i // 13 % 2],
            "severity": (None, "severe")[i // 13 % 2],
        }
        for i in range(SAMPLES)
    ]
    return pl.DataFrame(rows)


def timed(work):
    """The result, and the seconds of the wall clock and of the processor that it took."""
    begun = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - begun[0], time.process_time() - begun[1]


def siglip_base() -> None:
    """One ordered pair of ten tokens in SigLIP's 64 positions, all sites."""
    torch.manual_seed(0)
    network = SiglipModel(SiglipConfig()).eval().requires_grad_(False)
    ids = torch.ones(64, dtype=torch.long)
    ids[:10] = torch.arange(10, 20)
    other = ids.clone()
    other[3] = 30
    places = [*range(10), 63]
    tower = HFTextTower(network)
    _, *seconds = timed(lambda: sweep(tower, ids, other, sites=SITES, positions=places))
    say(f"one pair in SigLIP base, {len(places)} of 64 positions, {', '.join(SITES)}", seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, help="torch's own choice if not given")
    parser.add_argument("--plain", type=int, help="pairs of the plain way; all if not given")
    parser.add_argument("--siglip", action="store_true", help="one pair of SigLIP base instead")
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    print(f"{torch.get_num_threads()} threads")
    if asked.siglip:
        siglip_base()
        return
    model = random_vit_b_32()
    probes, dropped = make_probes(model, NAMES)
    lengths = sorted({len(p.correct_ids) for p in probes})
    print(
        f"{len(probes)} ordered pairs of {lengths[0]} to {lengths[-1]} tokens, "
        f"{len(dropped)} conditions dropped"
    )
    pairs = [(p.correct_ids, p.foil_ids) for p in probes]
    sweep(model.text, *pairs[0])
    counter = RowCounter(model)
    ours, *seconds = timed(lambda: [sweep(model.text, *pair)["residual"] for pair in pairs])
    rows = counter.rows
    say("one sweep of every pair", seconds)
    part = range(0, len(pairs), max(1, len(pairs) // (asked.plain or len(pairs))))
    _, *swept = timed(lambda: [sweep(model.text, *pairs[i]) for i in part])
    plain, *hooked = timed(lambda: [plain_sweep(model, *pairs[i]) for i in part])
    off = max(float((ours[i] - p).abs().max()) for i, p in zip(part, plain, strict=True))
    say(f"{len(part)} of the {len(pairs)} pairs by sweeps", swept)
    say("the same by plain hooks", hooked)
    ratios = [h / s for h, s in zip(hooked, swept, strict=True)]
    print(
        f"{ratios[0]:.1f} times faster ({ratios[1]:.1f} in processor time); vectors differ by "
        f"{off:.1e} at most"
    )
    naive = sum(13 * len(ids) * len(ids) * 12 for ids, _ in pairs) * SAMPLES / len(pairs)
    print(
        f"token rows through blocks: {rows:,} against {naive:,.0f} of a loop over samples, "
        f"{naive / rows:,.0f} times fewer"
    )
    vectors, table = ReadyImages(model), facts_table(NAMES)
    facts = Facts(pl.DataFrame(), table, CONDITIONS, Path())
    found, *seconds = timed(lambda: trace(model, facts, vectors=vectors))
    say(
        f"whole trace of {found.summary['samples']:,} samples ({', '.join(SITES)}; attention, "
        f"gradients, intervals; {len(found.sites):,} sites)",
        seconds,
    )


def say(what, seconds):
    print(f"{what}: {seconds[0]:.2f} s ({seconds[1]:.2f} s of processor time)")


if __name__ == "__main__":
    main()
