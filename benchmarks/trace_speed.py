"""What one sweep saves against one hooked forward for every (layer, position, pair).

A text tower of the sizes of CLIP ViT-B/32 (12 blocks of width 512, random weights), CLIP's own
tokenizer, the 26 ordered caption pairs of the 13 conditions, 5,000 random image vectors. Prints
the time of both ways in the same run, how far their vectors differ, how many token rows pass
through blocks, and the time of a whole trace.

    python benchmarks/trace_speed.py [PAIRS_OF_THE_PLAIN_WAY]
"""

import sys
import time

import polars as pl
import torch
from transformers import CLIPConfig, CLIPModel

from nast.facts.conditions import CONDITIONS
from nast.models.clip_bpe import clip_tokenizer
from nast.models.hf import dual_encoder
from nast.tracing.patching import SITES, sweep
from nast.tracing.probes import make_probes
from nast.tracing.tables import trace_tables

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
    """In place of the embedding store: random unit vectors, ready."""

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
    """Counts the token rows that pass through the blocks."""

    def __init__(self, model) -> None:
        self.rows = 0
        for block in model.network.text_model.encoder.layers:
            block.register_forward_pre_hook(self._count)

    def _count(self, module, inputs):
        self.rows += inputs[0].shape[0] * inputs[0].shape[1]


def facts_table(names):
    rows = [
        {"subject_id": str(i), "study_id": str(i), "split": "train", "image_path": str(i),
         "condition": names[i % len(names)], "existence": ("absent", "present")[i // 13 % 2],
         "severity": (None, "severe")[i // 13 % 2]}
        for i in range(SAMPLES)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def timed(work):
    """The result, and the seconds of the wall clock and of the processor that it took."""
    begun = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - begun[0], time.process_time() - begun[1]


def main() -> None:
    torch.set_num_threads(1)
    model = random_vit_b_32()
    probes, dropped = make_probes(model, NAMES)
    lengths = sorted({len(p.correct_ids) for p in probes})
    print(f"{len(probes)} ordered pairs of {lengths[0]} to {lengths[-1]} tokens, "
          f"{len(dropped)} conditions dropped; {torch.get_num_threads()} thread")  # fmt: skip
    pairs = [(p.correct_ids, p.foil_ids) for p in probes]
    sweep(model.text, *pairs[0])
    counter = RowCounter(model)
    ours, *seconds = timed(lambda: [sweep(model.text, *pair)["residual"] for pair in pairs])
    rows = counter.rows
    say("one sweep of every pair", seconds)
    number = int(sys.argv[1]) if len(sys.argv) > 1 else len(pairs)
    part = range(0, len(pairs), max(1, len(pairs) // number))
    _, *swept = timed(lambda: [sweep(model.text, *pairs[i]) for i in part])
    plain, *hooked = timed(lambda: [plain_sweep(model, *pairs[i]) for i in part])
    off = max(float((ours[i] - p).abs().max()) for i, p in zip(part, plain, strict=True))
    say(f"{len(part)} of the {len(pairs)} pairs by sweeps", swept)
    say("the same by plain hooks", hooked)
    ratios = [h / s for h, s in zip(hooked, swept, strict=True)]
    print(f"{ratios[0]:.1f} times faster ({ratios[1]:.1f} in processor time); vectors differ by "
          f"{off:.1e} at most")  # fmt: skip
    naive = sum(13 * len(ids) * len(ids) * 12 for ids, _ in pairs) * SAMPLES / len(pairs)
    print(f"token rows through blocks: {rows:,} against {naive:,.0f} of a loop over samples, "
          f"{naive / rows:,.0f} times fewer")  # fmt: skip
    store, facts = ReadyImages(model), facts_table(NAMES)
    tables, *seconds = timed(lambda: trace_tables(store, facts))
    say(f"whole trace of {tables.summary['samples']:,} samples ({', '.join(SITES)}; attention, "
        f"gradients, intervals; {len(tables.sites):,} sites)", seconds)  # fmt: skip


def say(what, seconds):
    print(f"{what}: {seconds[0]:.2f} s ({seconds[1]:.2f} s of processor time)")


if __name__ == "__main__":
    main()
