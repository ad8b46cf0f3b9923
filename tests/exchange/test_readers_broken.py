"""Whatever a file holds, its reader gives items or one line of ours that does not quote it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nast.errors import NastError
from nast.exchange.importing import READERS

HEADS = {
    "negbench-mcq": "image_path,correct_answer,caption_0,caption_1,caption_2,caption_3\n",
    "negbench-retrieval": "filepath,captions\n",
}
CALM = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@CALM
@given(data=st.binary(max_size=300), source=st.sampled_from(sorted(READERS)))
def test_any_bytes(data, source, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    refused(source, path)


CELL = st.text(max_size=12)


@CALM
@given(rows=st.lists(st.lists(CELL, min_size=1, max_size=8), max_size=4), quoted=st.booleans())
@pytest.mark.parametrize(("source", "head"), sorted(HEADS.items()))
def test_any_cells(source, head, rows, quoted, tmp_path):
    mark = '"' if quoted else ""
    lines = [",".join(f"{mark}{cell}{mark}" for cell in row) for row in rows]
    path = tmp_path / "file"
    path.write_bytes((head + "\n".join(lines)).encode("utf-8", "surrogatepass"))
    refused(source, path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | CELL
    | st.sampled_from(["image", "a.png", "truth"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "image",
                    "options",
                    "answer",
                    "caption",
                    "image_paths",
                    "annotations",
                    "json",
                    "sop_data",
                    "filename",
                    "negative_caption",
                    "image_path",
                    "true_caption",
                    "false_caption",
                    "bbox_x",
                    "mimic",
                    "report",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@CALM
@given(value=JSON)
@pytest.mark.parametrize("source", ["cc-neg", "sugar-crepe", "aro", "cxr-align", "jsonl"])
def test_any_json(source, value, tmp_path):
    path = tmp_path / "file"
    path.write_text(json.dumps(value))
    refused(source, path)


def refused(source, path):
    """Whatever the file holds: items, or an error of ours without a word of it."""
    try:
        for record in READERS[source](path):
            assert record.image and record[0]
    except NastError as error:
        assert "\n" not in str(error)
