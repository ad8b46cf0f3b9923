"""The vocabulary of CAD-Chest: diseases, probability words, levels and location tokens.

Sources: the authors' repository (MengRes/MIMIC-CAD) and its dictionaries in Medical-Diff-VQA.
"""

DISEASES: dict[str, str | None] = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "enlargement of the cardiac silhouette": "Cardiomegaly",
    "consolidation": "Consolidation",
    "edema": "Edema",
    "emphysema": "Emphysema",
    "fracture": "Fracture",
    "lung opacity": "Lung Opacity",
    "pleural effusion": "Pleural Effusion",
    "pleural thickening": "Pleural Other",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
    "vascular congestion": "Vascular Congestion",
    **dict.fromkeys(
        (
            "air collection",
            "blunting of the costophrenic angle",
            "calcification",
            "contusion",
            "gastric distention",
            "granuloma",
            "heart failure",
            "hematoma",
            "hernia",
            "hilar congestion",
            "hypertensive heart disease",
            "hypoxemia",
            "pneumomediastinum",
            "scoliosis",
            "thymoma",
            "tortuosity of the descending aorta",
            "tortuosity of the thoracic aorta",
        )
    ),
}
"""The 30 diseases -> condition, or None where the conditions have no place for it."""

PROBABILITIES: dict[str, int] = {
    **dict.fromkeys(("positive", "change in"), 3),
    **dict.fromkeys(("probabl", "probable", "likely", "may", "could", "possibl", "possible"), 2),
    **dict.fromkeys(
        (
            "potential",
            "might",
            "not exclude",
            "not rule out",
            "not ruled out",
            "difficult exclude",
            "difficult rule out",
            "impossible exclude",
        ),
        1,
    ),
    **dict.fromkeys(
        (
            "cannot be assessed",
            "cannot be identified",
            "cannot be evaluated",
            "cannot be confirmed",
            "cannot be accurately assessed",
            "cannot be verified",
            "cannot accurately assesses",
        ),
        0,
    ),
    "unlikely": -2,
    **dict.fromkeys(
        ("no", "without", "negative", "clear of", "lack of", "exclude", "rule out", "ruled out"), -3
    ),
}
"""Probability word -> the authors' score: 29 words of the frontal subset and four of others."""

GRADES = {
    **dict.fromkeys(
        ("minimal", "minimally", "mild", "mildly", "small", "trace", "minor", "subtle"), "mild"
    ),
    **dict.fromkeys(("moderate", "moderately", "mild to moderate"), "moderate"),
    **dict.fromkeys(("severe", "massive", "moderate to severe", "moderate to large"), "severe"),
}
"""Word of `level` -> severity."""
NO_GRADES = ("increasing", "decreasing", "acute")
"""Words of `level` that are not severities (design row 15)."""

SIDES = {
    "left": "left",
    "left-sided": "left",
    "right": "right",
    "right-sided": "right",
    "bilateral": "bilateral",
    "bibasilar": "bilateral",
}
ZONES = {
    "upper": "upper",
    "apical": "apical",
    "apicolateral": "apical",
    "mid": "mid",
    "middle": "mid",
    "lower": "lower",
    "basal": "lower",
    "basilar": "lower",
    "base": "lower",
    "bibasilar": "lower",
    "mid to lower": "lower",
    "retrocardiac": "retrocardiac",
}
PLACES = ("lung", "lobe", "rib", "pleural", "pericardial", "area", "to")
"""Location tokens that are neither a side nor a zone."""
