"""Tasks for lm-evaluation-harness: one YAML file per form over JSON Lines.

Format as read from EleutherAI/lm-evaluation-harness 4e7e0d4: `lm_eval/config/task.py`,
`api/task.py`, `filters/extraction.py`, `tasks/mmmu`.
"""

import shlex
from pathlib import Path
from typing import Any

import yaml

from nast.exchange.card import Written
from nast.exchange.chat import chat_notes, common_forms, evaluated_documents
from nast.exchange.documents import LETTERS, write_lines
from nast.exchange.material import Material
from nast.files import write_text

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


def write_lm_eval(material: Material, folder: Path, seed: int) -> Written:
    """Write documents and one task per form for lm-evaluation-harness.

    Its models for images generate text and give no likelihoods of options, so tasks are
    `generate_until`, with the letter taken from the reply.

    Args:
        material: what to write; the split to evaluate is taken.
        folder: gets `SET.jsonl`, `nast_TABLE_FORM.yaml` and `utils.py`.
        seed: of the order of options of imported items.

    Raises:
        UsageError: the folder has no multiple-choice items.
    """
    counts: dict[str, int] = {}
    tasks: list[str] = []
    for name, documents in evaluated_documents(material, seed).items():
        write_lines(folder / f"{name}.jsonl", documents)
        counts[f"{name}.jsonl"] = len(documents)
        for form in common_forms(documents):
            task = f"nast_{name.partition('-')[0]}_{form}"
            fields = lm_eval_task(task, form, f"{name}.jsonl", material.access)
            # A reference to code, which the safe writer of YAML does not write.
            text = yaml.safe_dump(fields, sort_keys=False, width=1000)
            text += "doc_to_image: !function utils.doc_to_image\n"
            write_text(folder / f"{task}.yaml", text)
            tasks.append(task)
    write_text(folder / "utils.py", _UTILS)
    run = [
        f"cd {shlex.quote(str(folder.resolve()))}",
        "lm-eval run --model hf-multimodal --model_args pretrained=MODEL --include_path . \\",
        f"  --tasks {','.join(tasks)} --apply_chat_template --log_samples --output_path results",
    ]
    return Written(counts, run, chat_notes(material))


def lm_eval_task(task: str, form: str, file: str, access: str) -> dict[str, Any]:
    """The fields of one task, without `doc_to_image`.

    Args:
        task: its name.
        form: which texts are the options.
        file: JSON Lines beside the task.
        access: of the data, for `metadata`.
    """
    names = f"{{% set options = {form} %}}{{% set letters = '{LETTERS}' %}}"
    return {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": file}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": names + PROMPT,
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
