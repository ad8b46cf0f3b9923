"""Tasks for lm-evaluation-harness: one YAML file per form over JSON Lines.

Format as read from EleutherAI/lm-evaluation-harness 4e7e0d4: `lm_eval/config/task.py`,
`api/task.py`, `filters/extraction.py`, `tasks/mmmu`.
"""

from pathlib import Path
from typing import Any

import yaml

from nast.exchange.card import Exported
from nast.exchange.documents import chat_documents, chat_notes
from nast.exchange.material import Material
from nast.exchange.peer_files import write_lines
from nast.files import write_text
from nast.items.table import LETTERS

PROMPT = (
    "<image>\n"
    "{{ stem }}\n\n"
    "{% for option in options %}{{ letters[loop.index0] }}) {{ option }}\n{% endfor %}\n"
    "The last line of your answer must be 'ANSWER: LETTER', where LETTER is one of "
    "{{ letters[:options | length] | list | join(', ') }}."
)
"""The question in Jinja; Inspect words its own much the same."""
ANSWER = r"(?i)ANSWER\s*:\s*\W*([A-Z])\b"
"""The letter that a reply names. The last one counts; a reply without one is wrong."""


def write_lm_eval(material: Material, folder: Path, seed: int) -> Exported:
    """Write documents and one task per form for lm-evaluation-harness.

    Its models for images generate text and give no likelihoods of options, so tasks are
    `generate_until`, with the letter taken from the reply.

    The folder gets `SET.jsonl` (and `SET-plain.jsonl` for items that deny nothing),
    `nast_TABLE_FORM.yaml` and `utils.py`.

    Raises:
        UsageError: the folder has no multiple-choice items.
    """
    counts: dict[str, int] = {}
    tasks: list[str] = []
    for name, forms, documents in chat_documents(material, seed):
        file = f"{name}.jsonl"
        write_lines(folder / file, documents)
        counts[file] = len(documents)
        for form in forms:
            task = f"nast_{name.partition('-')[0]}_{form}"
            fields = _task(task, form, file, material.access)
            # A reference to code, which the safe writer of YAML does not write.
            text = yaml.safe_dump(fields, sort_keys=False, width=1000)
            text += "doc_to_image: !function utils.doc_to_image\n"
            write_text(folder / f"{task}.yaml", text)
            tasks.append(task)
    write_text(folder / "utils.py", _UTILS)
    run = [
        "lm-eval run --model hf-multimodal --model_args pretrained=MODEL --include_path . \\",
        f"  --tasks {','.join(tasks)} --apply_chat_template --log_samples --output_path results",
    ]
    return Exported(counts, run, chat_notes(material))


def _task(name: str, form: str, file: str, access: str) -> dict[str, Any]:
    """The fields of a task, without `doc_to_image`; the texts of the form are the options."""
    variables = f"{{% set options = {form} %}}{{% set letters = '{LETTERS}' %}}"
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": file}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": variables + PROMPT,
        "doc_to_target": "target",
        "generation_kwargs": {"until": ["<|endoftext|>"], "do_sample": False, "max_gen_toks": 512},
        "filter_list": [
            {
                "name": "letter",
                "filter": [
                    {"function": "regex", "regex_pattern": ANSWER, "group_select": -1},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
            }
        ],
        "metadata": {"version": 1.0, "form": form, "access": access},
    }


_UTILS = '''"""Opens the image of a document."""

from PIL import Image


def doc_to_image(doc):
    return [Image.open(doc["image"]).convert("RGB")]
'''
