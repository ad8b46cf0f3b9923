"""nast: finds, explains and repairs the way vision-language models misread negation in radiology.

The public names are listed once, in `_PUBLIC`; each is loaded when it is first used, so that
`import nast` is instant and a label table becomes questions without torch.

    model = nast.load_model("phantom")
    facts = nast.read_facts("facts")
    trace = nast.trace(model, facts)
    weights = nast.layer_weights(trace.profile("scope"), beta=0.5)
    run = nast.train(model, facts, "contextual", weights=weights, steps=100)
    scores = nast.score([model, run.model], "benchmark")
    nast.metrics(scores)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nast.access import guard as guard
    from nast.benchmark.build import build_benchmark as build_benchmark
    from nast.benchmark.construction import Construction as Construction
    from nast.contextual.build import build_contextual as build_contextual
    from nast.errors import AccessError as AccessError
    from nast.errors import InputError as InputError
    from nast.errors import ModelError as ModelError
    from nast.errors import NastError as NastError
    from nast.errors import UsageError as UsageError
    from nast.evaluation import evaluate as evaluate
    from nast.evaluation import metrics as metrics
    from nast.evaluation import score as score
    from nast.exchange.export import export as export
    from nast.exchange.importing import import_items as import_items
    from nast.facts.conditions import CONDITIONS as CONDITIONS
    from nast.facts.conditions import Conditions as Conditions
    from nast.facts.conditions import conditions_of as conditions_of
    from nast.facts.entailment import truth as truth
    from nast.facts.negation import contextual_negations as contextual_negations
    from nast.items.audit import audit_table as audit_table
    from nast.items.table import read_items as read_items
    from nast.language.read.parse import facts_of as facts_of
    from nast.language.write.caption_forms import caption as caption
    from nast.language.write.templates import sentence as sentence
    from nast.layers import LayerWeights as LayerWeights
    from nast.layers import Profile as Profile
    from nast.layers import controls as controls
    from nast.layers import layer_weights as layer_weights
    from nast.measuring.measure import Scored as Scored
    from nast.models.registry import load_model as load_model
    from nast.phantom.write import build_phantom as build_phantom
    from nast.records import Fact as Fact
    from nast.reporting.report import build_report as build_report
    from nast.sources.collect import Facts as Facts
    from nast.sources.collect import build_facts as build_facts
    from nast.sources.collect import read_facts as read_facts
    from nast.tracing.aggregate import layer_scores as layer_scores
    from nast.tracing.build import build_trace as build_trace
    from nast.tracing.choose import choose_layers as choose_layers
    from nast.tracing.patching import sweep as sweep
    from nast.tracing.probes import make_probes as make_probes
    from nast.tracing.selectivity import negator_attention as negator_attention
    from nast.tracing.trace import Trace as Trace
    from nast.tracing.trace import trace as trace
    from nast.tracing.trace_config import TraceConfig as TraceConfig
    from nast.training.run import build_run as build_run
    from nast.training.train import TrainedModel as TrainedModel
    from nast.training.train import train as train
    from nast.training.train_config import TrainConfig as TrainConfig
    from nast.vectors import Vectors as Vectors

__version__ = "0.1.0"

_PUBLIC = {
    # Errors.
    "NastError": "nast.errors",
    "InputError": "nast.errors",
    "ModelError": "nast.errors",
    "AccessError": "nast.errors",
    "UsageError": "nast.errors",
    # What is known: facts, conditions, what they entail.
    "Fact": "nast.records",
    "CONDITIONS": "nast.facts.conditions",
    "Conditions": "nast.facts.conditions",
    "conditions_of": "nast.facts.conditions",
    "truth": "nast.facts.entailment",
    "contextual_negations": "nast.facts.negation",
    # Words.
    "sentence": "nast.language.write.templates",
    "caption": "nast.language.write.caption_forms",
    "facts_of": "nast.language.read.parse",
    # Data.
    "build_phantom": "nast.phantom.write",
    "build_facts": "nast.sources.collect",
    "read_facts": "nast.sources.collect",
    "Facts": "nast.sources.collect",
    "guard": "nast.access",
    # Items.
    "build_benchmark": "nast.benchmark.build",
    "Construction": "nast.benchmark.construction",
    "build_contextual": "nast.contextual.build",
    "read_items": "nast.items.table",
    "audit_table": "nast.items.audit",
    "export": "nast.exchange.export",
    "import_items": "nast.exchange.importing",
    # Models.
    "load_model": "nast.models.registry",
    "Vectors": "nast.vectors",
    # Tracing.
    "trace": "nast.tracing.trace",
    "Trace": "nast.tracing.trace",
    "make_probes": "nast.tracing.probes",
    "sweep": "nast.tracing.patching",
    "negator_attention": "nast.tracing.selectivity",
    "layer_scores": "nast.tracing.aggregate",
    "build_trace": "nast.tracing.build",
    "TraceConfig": "nast.tracing.trace_config",
    "choose_layers": "nast.tracing.choose",
    # Layers and training.
    "Profile": "nast.layers",
    "layer_weights": "nast.layers",
    "LayerWeights": "nast.layers",
    "controls": "nast.layers",
    "train": "nast.training.train",
    "TrainConfig": "nast.training.train_config",
    "TrainedModel": "nast.training.train",
    "build_run": "nast.training.run",
    # Scores, metrics, reports.
    "score": "nast.evaluation",
    "metrics": "nast.evaluation",
    "evaluate": "nast.evaluation",
    "Scored": "nast.measuring.measure",
    "build_report": "nast.reporting.report",
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
