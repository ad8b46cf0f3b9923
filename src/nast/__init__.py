"""nast: finds, explains and repairs the way vision-language models misread negation in radiology.

The public names are listed once, in `_PUBLIC`; each is loaded when it is first used, so that
`import nast` is instant and a label table becomes questions without torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Fact": "nast.records",
    "Question": "nast.records",
    "ClaimSet": "nast.records",
    "Caption": "nast.records",
    "CONDITIONS": "nast.facts.conditions",
    "use_conditions": "nast.facts.conditions",
    "contextual_negations": "nast.facts.negation",
    "truth": "nast.facts.entailment",
    "sentence": "nast.language.write.templates",
    "caption": "nast.language.write.caption_forms",
    "facts_of": "nast.language.read.parse",
    "build_phantom": "nast.phantom.write",
    "read_mimic_cxr_jpg": "nast.sources.mimic_cxr_jpg",
    "read_cad_chest": "nast.sources.cad_chest",
    "read_chexpert": "nast.sources.chexpert",
    "read_iu_xray": "nast.sources.iu_xray",
    "read_nih_cxr": "nast.sources.nih_cxr",
    "read_padchest": "nast.sources.padchest",
    "read_table_file": "nast.sources.own_table.read",
    "build_facts": "nast.sources.collect",
    "read_facts": "nast.sources.collect",
    "Construction": "nast.benchmark.construction",
    "build_benchmark": "nast.benchmark.build",
    "audit_items": "nast.items.audit",
    "build_contextual": "nast.contextual.build",
    "export": "nast.exchange.export",
    "import_items": "nast.exchange.importing",
    "load_model": "nast.models.registry",
    "Vectors": "nast.vectors",
    "evaluate": "nast.evaluation",
    "metrics_of": "nast.measuring.metrics",
    "build_trace": "nast.layers",
    "layer_weights": "nast.layers",
    "LayerWeights": "nast.layers",
    "sweep": "nast.tracing.patching",
    "trace": "nast.tracing.cte",
    "build_run": "nast.training.run",
    "layer_groups": "nast.training.layer_scaling",
    "scale_gradients": "nast.training.layer_scaling",
    "add_lora": "nast.training.lora",
    "TrainConfig": "nast.training.config",
    "build_report": "nast.reporting.report",
    "guard": "nast.access",
    "NastError": "nast.errors",
    "InputError": "nast.errors",
    "ModelError": "nast.errors",
    "AccessError": "nast.errors",
    "UsageError": "nast.errors",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nast' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    # A name such as `trace` is also that of a module: keep what was asked for.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
