"""Tasks for Inspect: samples in JSON Lines and one Python file that asks them.

Format as read from UKGovernmentBEIS/inspect_ai 499e615: `dataset/_dataset.py`, `dataset/_util.py`,
`solver/_multiple_choice.py`. The file of tasks imports inspect_ai; nast does not.
"""

from pathlib import Path
from typing import Any

from nast.exchange.card import Exported
from nast.exchange.documents import Document, chat_documents, chat_notes
from nast.exchange.material import Material
from nast.exchange.peer_files import write_lines
from nast.files import write_text


def write_inspect(material: Material, folder: Path, seed: int) -> Exported:
    """Write samples, `SET-FORM.jsonl`, and their tasks, `nast_tasks.py`, of the split to evaluate.

    Raises:
        UsageError: the folder has no multiple-choice items.
    """
    counts: dict[str, int] = {}
    tasks = []
    for name, forms, documents in chat_documents(material, seed):
        for form in forms:
            name = name.removesuffix(f"-{form}")
            file = f"{name}-{form}.jsonl"
            write_lines(folder / file, (_sample(d, form, material.access) for d in documents))
            counts[file] = len(documents)
            tasks.append(
                _TASK.format(
                    name=f"{name.partition('-')[0]}_{form}",
                    file=file,
                    what=f"{name} in the {form} form",
                )
            )
    write_text(folder / "nast_tasks.py", _TASKS + "".join(tasks))
    # Inspect looks for files of tasks below the folder that it is started in.
    run = ["inspect eval nast_tasks.py --model vllm/MODEL"]
    return Exported(counts, run, chat_notes(material))


def _sample(document: Document, form: str, access: str) -> dict[str, Any]:
    """A document as the fields of an Inspect `Sample`; the rest of it goes into `metadata`."""
    content = [
        {"type": "image", "image": document["image"]},
        {"type": "text", "text": document["stem"]},
    ]
    kept = ("group_id", "subject_id", "study_id", "split", "stem", "omitted", "kinds")
    return {
        "id": document["item_id"],
        "input": [{"role": "user", "content": content}],
        "choices": document[form],
        "target": document["target"],
        "metadata": {**{k: document[k] for k in kept}, "form": form, "access": access},
    }


_TASKS = '''"""Multiple choice about radiographs, in paired forms."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice

HERE = Path(__file__).parent


def _choices(file):
    return Task(
        dataset=json_dataset(str(HERE / file)), solver=multiple_choice(cot=True), scorer=choice()
    )
'''
_TASK = '''

@task
def {name}():
    """{what}."""
    return _choices("{file}")
'''
