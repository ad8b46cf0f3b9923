"""Who writes the sentences: templates, or a language model behind an address."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nast.access import Override
    from nast.language.write.llm.backends import LanguageModel
    from nast.language.write.llm.endpoints import Endpoint


@dataclass(frozen=True)
class WriterOptions:
    """Who writes the sentences.

    Attributes:
        realiser: template, or llm: a language model writes, and every text is read back.
        endpoint: of the language model: a preset (llama-3.1-8b, llama-3.1-8b:llama.cpp,
            llama-3.1-8b:ollama, gpt-5.1) or URL#NAME of a server that speaks OpenAI's protocol.
            Given several times, servers of one model share the requests.
        key_variable: name of the environment variable with the server's key.
        loopback_stays: state that nothing behind a loopback address passes data on to another
            machine.
        override: YAML file with the person, date and reason that let private data leave.
        prompts: folder of your own prompts, options.txt, rewrite.txt, claims.txt and again.txt;
            what is not there is the package's.
    """

    realiser: Literal["template", "llm"] = "template"
    endpoint: list[str] = field(default_factory=list)
    key_variable: str | None = None
    loopback_stays: bool = False
    override: Path | None = None
    prompts: Path | None = None

    def model(self, inputs: Iterable[Path]) -> "LanguageModel | None":
        """The model of the endpoint, once the access class of the data allows it; else None.

        Raises:
            UsageError: a language model is to write, and the endpoint is none; or templates are,
                and an endpoint is given.
        """
        from nast.errors import UsageError
        from nast.folders import strictest_of
        from nast.language.write.llm.prompts import check_prompts
        from nast.language.write.llm.server import server_model
        from nast.language.write.llm.server_pool import as_one_model

        if self.realiser == "template":
            if self != TEMPLATES:
                raise UsageError(
                    "--endpoint, --key-variable, --loopback-stays, --override and --prompts are "
                    "for --realiser llm"
                )
            return None
        places = [_endpoint(text) for text in self.endpoint or [""]]
        if self.prompts:
            check_prompts(self.prompts)
        access, override = strictest_of(inputs), override_of(self.override)
        found = as_one_model(
            [
                server_model(
                    replace(place, key_variable=self.key_variable) if self.key_variable else place,
                    access,
                    loopback_stays=self.loopback_stays,
                    override=override,
                )
                for place in places
            ]
        )
        return replace(found, prompts=self.prompts) if self.prompts else found

    def answers(self, out: Path) -> Path | None:
        """The file of the model's answers, beside the output folder; None for templates."""
        return None if self.realiser == "template" else out.with_name(out.name + "-answers.jsonl")


def _endpoint(text: str) -> "Endpoint":
    """A preset, or a server and its name of a model."""
    from nast.errors import UsageError
    from nast.language.write.llm.endpoints import PRESETS, Endpoint

    address, mark, name = text.partition("#")
    if address not in PRESETS and not (mark and name):
        raise UsageError(
            f"--realiser llm needs --endpoint: {', '.join(PRESETS)}, or URL#NAME such as "
            "http://127.0.0.1:8000/v1#my-model"
        )
    return PRESETS.get(address) or Endpoint(address, name)


TEMPLATES = WriterOptions()
"""Nobody is asked: templates write."""


def override_of(file: Path | None) -> "Override | None":
    """The named exception from the access class that a YAML file holds.

    Raises:
        InputError: the file lacks the person, the date or the reason.
        UsageError: one of them is blank, or the date is none.
    """
    from nast.access import Override
    from nast.yaml_files import read_yaml

    return read_yaml(file, Override, "person, date and reason", texts=True) if file else None
