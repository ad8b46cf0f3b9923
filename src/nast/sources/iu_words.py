"""The vocabulary of the Indiana University reports' manual index (MeSH terms with qualifiers)."""

HEADS = {
    "opacity": "Lung Opacity",
    "airspace disease": "Lung Opacity",
    "infiltrate": "Lung Opacity",
    "pulmonary atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "pulmonary edema": "Edema",
    "emphysema": "Emphysema",
    "pulmonary emphysema": "Emphysema",
    "fractures, bone": "Fracture",
    "nodule": "Lung Lesion",
    "mass": "Lung Lesion",
    "pleural effusion": "Pleural Effusion",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
    "catheters, indwelling": "Support Devices",
    "implanted medical device": "Support Devices",
    "medical device": "Support Devices",
    "tube, inserted": "Support Devices",
    "pulmonary congestion": "Vascular Congestion",
}
"""Head of a term -> condition."""
QUALIFIED = {
    ("cardiac shadow", "enlarged"): "Cardiomegaly",
    ("mediastinum", "enlarged"): "Enlarged Cardiomediastinum",
    ("mediastinum", "prominent"): "Enlarged Cardiomediastinum",
    ("thickening", "pleura"): "Pleural Other",
}
"""Head that needs a qualifier -> condition."""
NO_FINDINGS = {
    "normal": "normal",
    "no indexing": "not indexed",
    "technical quality of image unsatisfactory": "poor image",
}
"""Head that names no finding -> why it is set aside."""
SIDES = ("left", "right", "bilateral")
ZONES = {
    "base": "lower",
    "lower lobe": "lower",
    "upper lobe": "upper",
    "apex": "apical",
    "middle lobe": "mid",
    "lingula": "mid",
    "retrocardiac": "retrocardiac",
}
GRADES = {
    "mild": "mild",
    "small": "mild",
    "moderate": "moderate",
    "severe": "severe",
    "large": "severe",
}
