"""What the readers of other projects do with our files, written again from their code."""

import ast
import csv
import io
import json
import re
import tarfile

import yaml
from PIL import Image

# pandas/_libs/parsers.pyx, STR_NA_VALUES of pandas 2.
PANDAS_MISSING = {
    "-1.#IND",
    "1.#QNAN",
    "1.#IND",
    "-1.#QNAN",
    "#N/A N/A",
    "#N/A",
    "N/A",
    "n/a",
    "NA",
    "<NA>",
    "#NA",
    "NULL",
    "null",
    "NaN",
    "-NaN",
    "nan",
    "-nan",
    "None",
    "",
}


def pandas_rows(path, separator=","):
    """`pandas.read_csv` as far as it matters: cells as text, and none that becomes NaN."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=separator))
    for row in rows:
        assert None not in row and None not in row.values()
        assert not PANDAS_MISSING & set(row.values())
    return rows


def negbench_mcq(path, number=4):
    """`CsvMCQDataset.__getitem__` (training/data.py:86): image, captions, answer, type."""
    for row in pandas_rows(path):
        with Image.open(row["image_path"]) as image:
            image.convert("RGB")
        captions = [row[f"caption_{i}"] for i in range(number)]
        yield (
            row["image_path"],
            captions,
            int(row["correct_answer"]),
            row["correct_answer_template"],
        )


def negbench_score(items, scores):
    """`evaluate_model` (evaluation/mcq.py): total accuracy and wrong types; argmax, first wins."""
    wrong_answer_to_type = {1: "hybrid", 2: "positive", 3: "negative"}
    types = {"positive": 0, "negative": 0, "hybrid": 0}
    correct, wrong = 0, []
    for (_, _, answer, kind), row in zip(items, scores, strict=True):
        types[kind] += 1
        predicted = row.index(max(row))
        if predicted == answer:
            correct += 1
        else:
            wrong.append(wrong_answer_to_type[predicted])
    return correct / len(scores), wrong


def negbench_retrieval(path):
    """`CsvImageCaptionDataset.__getitem__` (training/data.py:148); its eval is literal here."""
    rows = pandas_rows(path)
    for row in rows:
        with Image.open(row["filepath"]) as image:
            image.convert("RGB")
        yield row["filepath"], ast.literal_eval(row["captions"])


def base_plus_ext(name):
    """`webdataset.tariterators.base_plus_ext`: the key ends at the first dot of the file name."""
    match = re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", name)
    return (match[1], match[2]) if match else (None, None)


def webdataset(path):
    """Samples of a shard: a run of members with one key, an extension only once in it."""
    current = None
    with tarfile.open(path) as tar:
        for member in tar:
            key, extension = base_plus_ext(member.name)
            if key is None:
                continue
            if current is None or key != current["__key__"]:
                if current:
                    yield current
                current = {"__key__": key}
            assert extension not in current
            current[extension.lower()] = tar.extractfile(member).read()
    if current:
        yield current


def clip_benchmark_retrieval(root, split):
    """`build_wds_dataset` (datasets/builder.py) for retrieval: decoded images and their lines."""
    assert (root / "dataset_type.txt").read_text().strip().lower() == "retrieval"
    for n in range(int((root / split / "nshards.txt").read_text())):
        for sample in webdataset(root / split / f"{n}.tar"):
            key = next(k for k in ("webp", "png", "jpg", "jpeg") if k in sample)
            with Image.open(io.BytesIO(sample[key])) as image:
                pixels = image.convert("RGB").getpixel((0, 0))
            yield pixels, sample["txt"].decode().splitlines()


def sugar_crepe(root, task):
    """`SugarCrepe.__getitem__`: the image and [caption, negative_caption]."""
    assert task in (
        "add_att",
        "add_obj",
        "replace_att",
        "replace_obj",
        "replace_rel",
        "swap_att",
        "swap_obj",
    )
    images = root / "val2017"
    assert images.is_dir(), "the builder would download COCO"
    for entry in json.loads((root / f"{task}.json").read_text()).values():
        with Image.open(images / entry["filename"]) as image:
            yield (
                image.convert("RGB").getpixel((0, 0)),
                [entry["caption"], entry["negative_caption"]],
            )


def open_clip_caption(meta, keys):
    """`JsonCaptionExtractor` without probabilities: the first field that has words."""
    meta = json.loads(meta)
    values = (meta.get(key) for key in keys.split(";"))
    return next((v.strip() for v in values if isinstance(v, str) and v.strip()), "")


def lm_eval_yaml(path):
    """A task as lm_eval's loader reads it; `!function` stays a name."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: ("function", node.value))
    return yaml.load(path.read_text(), Loader)


# lm_eval/config/task.py, TaskConfig.
LM_EVAL_FIELDS = {
    "task",
    "task_alias",
    "tag",
    "custom_dataset",
    "dataset_path",
    "dataset_name",
    "dataset_kwargs",
    "training_split",
    "validation_split",
    "test_split",
    "fewshot_split",
    "process_docs",
    "doc_to_text",
    "doc_to_target",
    "doc_to_image",
    "doc_to_audio",
    "unsafe_code",
    "doc_to_choice",
    "process_results",
    "use_prompt",
    "description",
    "target_delimiter",
    "fewshot_delimiter",
    "fewshot_config",
    "num_fewshot",
    "metric_list",
    "output_type",
    "generation_kwargs",
    "repeats",
    "filter_list",
    "should_decontaminate",
    "doc_to_decontamination_query",
    "gen_prefix",
    "metadata",
}


def lm_eval_regex(pattern, reply, select):
    """`RegexFilter.apply` (filters/extraction.py) on one reply."""
    found = re.compile(pattern).findall(reply)
    return found[select].strip() if found else "[invalid]"


def inspect_sample(record):
    """`record_to_sample` and `Sample` of inspect_ai: what the solver and the scorer will see."""
    assert set(record) <= {
        "input",
        "choices",
        "target",
        "id",
        "metadata",
        "sandbox",
        "files",
        "setup",
    }
    (message,) = record["input"]
    assert message["role"] == "user"
    content = {part["type"]: part[part["type"]] for part in message["content"]}
    choices = [str(c) for c in record["choices"] if str(c).strip()]
    assert isinstance(record["metadata"], dict)
    return content, choices, choices[ord(record["target"]) - ord("A")]
