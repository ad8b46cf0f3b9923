"""Small finished folders, and generated images, that a person can check."""

import polars as pl
from PIL import Image

from nast.files import write_table
from nast.language.write.templates import STEM
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA
from nast.stages import stage

WORDS = {
    "negated": [
        "Edema and fracture.",
        "Edema, no fracture.",
        "Fracture, no edema.",
        "No edema or fracture.",
    ],
    "affirmative": [
        "Edema and fracture.",
        "Edema, intact bones.",
        "Fracture, dry lungs.",
        "Dry lungs and intact bones.",
    ],
    "omitted": ["Edema and fracture.", "Edema.", "Fracture.", "Chest radiograph."],
}
"""Two findings, four options: both present, the first, the second, none."""


def image(path, shade, mode="RGB", size=(8, 8)):
    """A plain image of one shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = shade if mode != "RGB" else (shade, shade, shade)
    Image.new(mode, size, colour).save(path)
    return path


def finished(folder, tables, access="open", terms=("made up",)):
    """A finished folder with some tables; questions and claims are one."""
    items = [row for name in ("questions", "claims") for row in tables.get(name, [])]
    whole = {"items": (items, ITEMS_SCHEMA), "captions": (tables.get("captions"), CAPTIONS_SCHEMA)}

    def make(out):
        for name, (rows, schema) in whole.items():
            if rows:
                write_table(out / f"{name}.parquet", pl.DataFrame(rows, schema=schema), schema)
        return {"access": access, "terms": list(terms), "counts": {}}

    stage(folder, {"stage": "small"}, [], make)
    return folder


def again(rows, front, **other):
    """The same items once more, under ids of their own."""
    ids = ("item_id", "pair_id", "group_id")
    return [row | {name: front + row[name] for name in ids} | other for row in rows]


def keys(root, n, split):
    return {
        "subject_id": f"7000{n}",
        "study_id": f"8000{n}",
        "split": split,
        "image_path": str(root / f"p7000{n}" / f"view{n}.png"),
    }


def fact(condition, existence, **more):
    return {
        "condition": condition,
        "existence": existence,
        "side": None,
        "zone": None,
        "severity": None,
    } | more


LABELS = [
    [fact("Edema", "present"), fact("Fracture", "present")],
    [fact("Edema", "present"), fact("Fracture", "absent")],
    [fact("Edema", "absent"), fact("Fracture", "present")],
    [fact("Edema", "absent"), fact("Fracture", "absent")],
]
MISSED = [
    ["truth", "missed presence", "missed presence", "missed presence"],
    ["missed denial", "truth", "both", "missed presence"],
    ["missed denial", "both", "truth", "missed presence"],
    ["missed denial", "missed denial", "missed denial", "truth"],
]


def questions(root, split="test"):
    """One balanced group of four: study n is right with option n; images are drawn."""
    rows = []
    for form, texts in WORDS.items():
        for n in range(4):
            image(root / f"p7000{n}" / f"view{n}.png", 40 * n)
            rows.append(
                {
                    "item_id": f"group-{n}-{form}",
                    "set": "questions",
                    "pair_id": f"group-{n}",
                    "group_id": "group",
                    "form": form,
                    "world": "annotated",
                    **keys(root, n, split),
                    "view": "PA",
                    "stem": "What is seen?",
                    "conditions": ["Edema", "Fracture"],
                    "options": texts,
                    "facts": LABELS,
                    "kinds": MISSED[n],
                    "answer": n,
                    "construction": "balanced",
                    "realiser": "template:without",
                }
            )
    return rows


STATED = [
    [fact("Edema", "absent"), fact("Pneumothorax", "present", side="left")],
    [fact("Edema", "absent"), fact("Pneumothorax", "present", side="right")],
    [fact("Edema", "present"), fact("Pneumothorax", "present", side="left")],
    [fact("Edema", "present"), fact("Pneumothorax", "absent")],
    [fact("Edema", "absent"), fact("Pneumothorax", "absent")],
]
CLAIMS = {
    "negated": [
        "Left pneumothorax, no edema.",
        "Right pneumothorax, no edema.",
        "Edema and left pneumothorax.",
        "Edema, no pneumothorax.",
        "No edema or pneumothorax.",
    ],
    "affirmative": [
        "Left pneumothorax, dry lungs.",
        "Right pneumothorax, dry lungs.",
        "Edema and left pneumothorax.",
        "Edema, full lungs.",
        "Dry and full lungs.",
    ],
}
KINDS = [
    ["truth", "location", "existence", "existence", "existence"],
    ["location", "truth", "existence+location", "existence", "existence"],
    ["existence", "existence+location", "truth", "existence", "existence"],
    ["existence", "existence", "existence", "truth", "existence"],
    ["existence", "existence", "existence", "existence", "truth"],
]


def claims(root, split="test", k=5):
    """One balanced group of five claims, of which each is true of one study."""
    rows = []
    for form, texts in CLAIMS.items():
        for n in range(k):
            image(root / f"p7000{n}" / f"view{n}.png", 40 * n)
            rows.append(
                {
                    "item_id": f"set-{n}-{form}",
                    "set": "claims",
                    "pair_id": f"set-{n}",
                    "group_id": "set",
                    "form": form,
                    "world": "described",
                    **keys(root, n, split),
                    "stem": STEM,
                    "conditions": ["Edema", "Pneumothorax"],
                    "options": texts[:k],
                    "facts": STATED[:k],
                    "kinds": KINDS[n][:k],
                    "answer": n,
                    "construction": "balanced",
                    "realiser": "template:without",
                }
            )
    return rows


def captions(root, split="test", images=5):
    """Two negated captions and one affirmative caption of each image."""
    rows = []
    for n in range(images):
        image(root / f"p7000{n}" / f"view{n}.png", 40 * n)
        for nth, (polarity, words) in enumerate(
            [
                ("negated", "No fracture."),
                ("negated", f"No effusion, it's {n}."),
                ("affirmative", f'Edema, "grade" {n}.'),
            ]
        ):
            rows.append(
                {
                    "caption_id": f"8000{n}-{polarity}-{nth}",
                    **keys(root, n, split),
                    "condition": "Edema",
                    "kind": "existence",
                    "polarity": polarity,
                    "caption": words,
                    "fact": fact("Edema", "present"),
                    "realiser": "template",
                }
            )
    return rows
