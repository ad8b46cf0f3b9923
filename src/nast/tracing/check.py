"""Does a model keep its contract? Cheap tests that catch silent mistakes."""

import torch

from nast.errors import ModelError
from nast.models.base import DualEncoder
from nast.tracing.patching import sweep, text_vector

TEXTS = ("There is no pneumothorax.", "There is severe pneumothorax.")


def check_model(model: DualEncoder) -> dict[str, str]:
    """Test a model on two sentences.

    Unit vectors; the same vector alone and in a padded batch; the block-by-block tower equal to
    the whole model; patching everything gives the source, patching nothing the target.

    Returns:
        What was found, by name.

    Raises:
        ModelError: a test fails.
    """
    longer = [*TEXTS, " ".join(["There is pneumonia."] * 4)]
    together = model.encode_texts(longer)
    alone = torch.cat([model.encode_texts([t]) for t in longer])
    ids = [model.tokenize([t])[0][0] for t in TEXTS]
    tower = model.text_tower()
    by_block = torch.stack([text_vector(tower, i) for i in ids])
    tests = {
        "unit vectors": (together.norm(dim=-1) - 1).abs().max(),
        "batch of one equals padded batch": (together - alone).abs().max(),
        "block by block equals whole": (together[:2] - by_block).abs().max(),
    }
    if len(ids[0]) == len(ids[1]):
        same = sweep(tower, ids[0], ids[0])
        tests["patching own states changes nothing"] = (same - by_block[0]).abs().max()
        last = sweep(tower, ids[0], ids[1])[-1, int(tower.pooled_row(ids[0][None]))]
        tests["patching the pooled row gives the source"] = (last - by_block[1]).abs().max()
    for name, error in tests.items():
        if not error < 1e-4:
            raise ModelError(f"{model.name}: {name}: off by {float(error):.2g}")
    found = {name: f"ok ({float(error):.1e})" for name, error in tests.items()}
    found["cosine of the two sentences"] = f"{float(together[0] @ together[1]):.3f}"
    found["logit scale"] = f"{model.logit_scale:.1f}"
    return found
