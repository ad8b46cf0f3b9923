"""Indiana University reports: XML by hand, the real archive, and its public gold labels."""

import csv
import gzip
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_labels import real_table
from small import only_nast_errors, picture, tar, write_csv

from nast.benchmark.configurations import eligible
from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.language.read.parse import survey
from nast.sources import iu_xray
from nast.sources.collect import collect
from nast.sources.iu_xray import HEADS, NO_FINDINGS, QUALIFIED, parse_report, read_iu_xray
from nast.sources.source import conserved, fact_columns

REAL = Path(__file__).parents[3] / "shared" / "data"

HEAD = '<?xml version="1.0" encoding="utf-8"?>'


def xml(uid="CXR1", findings="", impression="", terms=(), images=(), head=HEAD):
    """A report as Open-i writes it."""
    sections = {
        "COMPARISON": "No pneumonia.",
        "INDICATION": "Pneumonia?",
        "FINDINGS": findings,
        "IMPRESSION": impression,
    }
    text = "".join(f'<AbstractText Label="{k}">{v}</AbstractText>' for k, v in sections.items())
    majors = "".join(f"<major>{term}</major>" for term in terms)
    pictures = "".join(f'<parentImage id="{i}"><caption>x</caption></parentImage>' for i in images)
    return (
        f'{head}<eCitation><uId id="{uid}"/><MedlineCitation><Article><Abstract>{text}</Abstract>'
        f"</Article></MedlineCitation><MeSH>{majors}<automatic>Edema</automatic></MeSH>{pictures}"
        "</eCitation>"
    )


def parse(text):
    return parse_report(text if isinstance(text, bytes) else text.encode(), "f.tgz", "1.xml")


def reports(folder, *texts):
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts, 1):
        (folder / f"{number}.xml").write_text(text, encoding="utf-8")
    return folder


def one(tmp_path, findings="", impression="", *terms):
    """The facts of one report, and what became of its annotations."""
    source = read_iu_xray(reports(tmp_path / "r", xml("CXR1", findings, impression, terms)))
    assert conserved(source.annotations)
    facts = source.facts.select("condition", "existence", "side", "zone", "severity").rows()
    return facts, source.annotations


def absences(facts):
    return {f[0] for f in facts if f[1] == "absent"}


def test_a_report_is_parsed():
    report = parse(
        xml(
            "CXR12", "Heart is large.", " No\neffusion.", [" Opacity / lung ", "normal"], ["a", "b"]
        )
    )
    assert report.study_id == "CXR12"
    assert report.images == ("a", "b")
    assert report.terms == ("Opacity / lung", "normal")
    assert report.text.splitlines() == ["Heart is large..", "No effusion."]


def test_only_findings_and_impression_state_findings(tmp_path):
    """The indication asks for pneumonia, the comparison denies it, `automatic` is a machine's."""
    facts, account = one(tmp_path, "Lungs are clear.")
    assert facts == []
    assert account == {"present": 0, "kept": 0}


def test_sections_are_sentences_of_their_own(tmp_path):
    assert "Pleural Effusion" not in absences(one(tmp_path, "No pneumothorax, no", "effusion.")[0])


@pytest.mark.parametrize(
    ("term", "fact"),
    [
        ("Pleural Effusion", ("Pleural Effusion", None, None, None)),
        ("Pleural Effusion/left/small", ("Pleural Effusion", "left", None, "mild")),
        ("Pleural Effusion/small/left", ("Pleural Effusion", "left", None, "mild")),
        (" pleural  Effusion / left/ large ", ("Pleural Effusion", "left", None, "severe")),
        ("Opacity/lung/base/right/mild", ("Lung Opacity", "right", "lower", "mild")),
        ("Opacity/right/mild/lung/base", ("Lung Opacity", "right", "lower", "mild")),
        ("Opacity/lung/base/left/right", ("Lung Opacity", "bilateral", "lower", None)),
        ("Opacity/lung/base/bilateral/left", ("Lung Opacity", "bilateral", "lower", None)),
        ("Opacity/lung/upper lobe/lower lobe", ("Lung Opacity", None, None, None)),
        ("Airspace Disease/lung/hilum/bilateral", ("Lung Opacity", "bilateral", None, None)),
        ("Infiltrate/lung/lingula", ("Lung Opacity", None, "mid", None)),
        ("Opacity/retrocardiac", ("Lung Opacity", None, "retrocardiac", None)),
        ("Opacity/lung/apex/left", ("Lung Opacity", "left", "apical", None)),
        (
            "Pulmonary Atelectasis/middle lobe/right/severe",
            ("Atelectasis", "right", "mid", "severe"),
        ),
        ("Cardiomegaly/borderline", ("Cardiomegaly", None, None, None)),
        ("Cardiomegaly/mild", ("Cardiomegaly", None, None, "mild")),
        ("Cardiac Shadow/enlarged/moderate", ("Cardiomegaly", None, None, "moderate")),
        ("Mediastinum/enlarged", ("Enlarged Cardiomediastinum", None, None, None)),
        ("Thickening/pleura/apex/right", ("Pleural Other", "right", None, None)),
        ("Fractures, Bone/ribs/left/multiple", ("Fracture", "left", None, None)),
        ("Pneumothorax/apex/right/small", ("Pneumothorax", "right", None, "mild")),
        ("Pulmonary Edema/interstitial/mild/severe", ("Edema", None, None, None)),
        ("Catheters, Indwelling/right/subclavian vein", ("Support Devices", None, None, None)),
        ("Pulmonary Emphysema/severe", ("Emphysema", None, None, "severe")),
        ("Pulmonary Congestion/mild", ("Vascular Congestion", None, None, "mild")),
    ],
)
def test_terms_of_the_index(tmp_path, term, fact):
    facts, account = one(tmp_path, "", "", term)
    assert facts == [(fact[0], "present", *fact[1:])]
    assert account == {"present": 1, "kept": 1}


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ("normal", "normal"),
        ("Normal ", "normal"),
        ("No Indexing", "not indexed"),
        ("Technical Quality of Image Unsatisfactory ", "poor image"),
        ("Scoliosis", "other finding"),
        ("Lung/hypoinflation", "other finding"),
        ("Cardiac Shadow", "other finding"),
        ("Subcutaneous  Emphysema", "other finding"),
        ("Thickening/lung", "other finding"),
        ("", "other finding"),
        ("/", "other finding"),
        ("Calcified Granuloma", "other finding"),
    ],
)
def test_terms_that_are_set_aside(tmp_path, term, reason):
    facts, account = one(tmp_path, "", "", term)
    assert facts == []
    assert account == {"present": 1, "kept": 0, f"set aside: {reason}": 1}


def test_a_head_may_stand_twice(tmp_path):
    facts, account = one(tmp_path, "", "", "Opacity/lung/left", "Opacity/lung/right")
    assert [f[2] for f in facts] == ["left", "right"]
    assert account["kept"] == 2


def test_denials_are_absences_each_once(tmp_path):
    facts, account = one(tmp_path, "No pneumothorax or pleural effusion.", "No pneumothorax.")
    assert facts == [(c, "absent", None, None, None) for c in ("Pneumothorax", "Pleural Effusion")]
    assert account == {"present": 3, "kept": 2, "set aside: denied a second time": 1}


@pytest.mark.parametrize(
    ("findings", "terms", "reason"),
    [
        ("No large effusion.", [], "denial of a size or a place"),
        ("No left effusion.", [], "denial of a size or a place"),
        ("No pneumonia.", ["Pneumonia/right"], "denied in words, indexed as present"),
        ("No cardiomegaly.", ["Cardiac Shadow/enlarged"], "denied in words, indexed as present"),
        ("No pleural thickening.", ["Thickening/pleura"], "denied in words, indexed as present"),
    ],
)
def test_what_is_not_plainly_absent_is_set_aside(tmp_path, findings, terms, reason):
    facts, account = one(tmp_path, findings, "", *terms)
    assert absences(facts) == set()
    assert account[f"set aside: {reason}"] == 1


@pytest.mark.parametrize(
    "findings",
    [
        "No XXXX of a pleural effusion.",
        "XXXX XXXX. No pleural effusion XXXX.",
        "&amp;gt;] No pleural effusion",
        "No pleural effusion&gt;]. XXXX.",
        "No pleural effusion&amp;gt;]",
    ],
)
def test_marks_of_deidentification_and_junk(tmp_path, findings):
    assert absences(one(tmp_path, findings)[0]) == {"Pleural Effusion"}


def test_unread_findings_are_counted_by_reason(tmp_path):
    facts, account = one(
        tmp_path, "No effusion. No change of the nodule. Possible pneumonia. Edema?"
    )
    assert absences(facts) == {"Pleural Effusion"}
    assert account == {
        "present": 4,
        "kept": 1,
        "not read: limited denial": 1,
        "not read: doubt": 1,
        "not read: question": 1,
    }


def test_ten_reports_of_traps():
    """Reports made of sentences that other readers misread."""
    folder = REAL / "cases" / "files" / "iu"
    if not folder.is_dir():
        pytest.skip("the cases (shared/data/cases) are not beside the checkout")
    found = read_iu_xray(folder)
    assert conserved(found.annotations)
    rows = found.facts.filter(source="iu-text").select("study_id", "condition", "existence").rows()
    assert {row[2] for row in rows} == {"absent"}
    assert sorted(row[:2] for row in rows) == [
        ("CXR1", "Pneumothorax"),
        ("CXR10", "Consolidation"),
        ("CXR10", "Pleural Effusion"),
        ("CXR2", "Cardiomegaly"),
        ("CXR2", "Pleural Effusion"),
        ("CXR5", "Pneumothorax"),
        ("CXR6", "Edema"),
    ]


def test_a_line_end_in_xml_ends_no_sentence(tmp_path):
    facts, account = one(tmp_path, "There is no\n  focal consolidation or\n\teffusion.")
    assert absences(facts) == {"Consolidation", "Pleural Effusion"}
    assert account == {"present": 2, "kept": 2}


def test_facts_keep_their_words(tmp_path):
    text = xml(
        "CXR1",
        "Lungs are XXXX. There is no  focal consolidation or effusion. Normal.",
        "No fracture",
        ["Opacity/lung/ left"],
    )
    source = read_iu_xray(reports(tmp_path, text))
    assert source.facts.select("source", "condition", "words").rows() == [
        ("iu-mesh", "Lung Opacity", "Opacity/lung/ left"),
        ("iu-text", "Consolidation", "There is no focal consolidation or effusion"),
        ("iu-text", "Pleural Effusion", "There is no focal consolidation or effusion"),
        ("iu-text", "Fracture", "No fracture"),
    ]
    assert source.facts.columns == fact_columns()


def test_labels_and_no_finding(tmp_path):
    source = read_iu_xray(
        reports(
            tmp_path,
            xml("CXR1", "No edema.", "", ["Opacity/lung"]),
            xml("CXR2", "No edema.", "", ["normal"]),
            xml("CXR3", "", "", ["normal", "Scoliosis"]),
        )
    )
    first, second, third = source.studies.iter_rows(named=True)
    assert (first["Lung Opacity"], first["Edema"], first["Pneumonia"]) == (
        "present",
        "absent",
        "not_mentioned",
    )
    assert [s[NO_FINDING] for s in (first, second, third)] == [
        "not_mentioned",
        "present",
        "not_mentioned",
    ]
    assert first["subject_id"] == first["study_id"] == "CXR1"
    assert (source.access, source.phantom) == ("open", False)
    assert "NC-ND" in source.terms and "must not be published" in source.terms
    assert set(CONDITIONS.labelled()) < set(source.studies.columns)


@pytest.mark.parametrize("place", ["NLMCXR_png", "images", "."])
def test_the_first_frontal_image_stands_for_a_report(tmp_path, place):
    folder = reports(
        tmp_path,
        xml("CXR1", images=["1_a", "1_b", "1_c"]),
        xml("CXR2", images=["2_a", "2_b"]),
        xml("CXR3", images=["3_a", "3_b"]),
        xml("CXR4"),
        xml("CXR5", images=["5_a"]),
    )
    views = [("1_a", "LL"), ("1_b", "AP"), ("1_c", "PA"), ("2_a", ""), ("2_b", "AP"), ("3_b", "LL")]
    write_csv(folder / "nlmcxr_dicom_metadata.csv", ["imageid", "View Position"], views)
    for name in ("1_a", "1_c", "2_b", "3_a", "5_a"):
        picture(folder / place / f"{name}.png")
    source = read_iu_xray(folder)
    start = "" if place == "." else f"{place}/"
    assert source.studies.select("image_path", "view").rows() == [
        (f"{start}1_c.png", "PA"),
        (f"{start}2_b.png", "AP"),
        (f"{start}3_a.png", ""),
        ("", ""),
        (f"{start}5_a.png", ""),
    ]
    assert source.counts == {"reports": 5, "reports without an image": 1}
    report = collect([source]).report
    assert (report["images"], report["bad_images"]) == (4, {})


def test_one_missing_image_does_not_hide_the_others(tmp_path):
    folder = reports(tmp_path, xml("CXR1", images=["a"]), xml("CXR2", images=["b"]))
    picture(folder / "images" / "b.png")
    report = collect([read_iu_xray(folder)]).report
    assert (report["images"], list(report["bad_images"].values())) == (1, ["missing"])


@pytest.mark.parametrize("place", ["NLMCXR_png", "images/pngs", "xrays", "../NLMCXR_png"])
def test_images_are_found_near_the_reports(tmp_path, place):
    folder = reports(tmp_path / "ecgen-radiology", xml("CXR1", images=["CXR1_1_IM-0001-3001"]))
    picture(folder / place / "CXR1_1_IM-0001-3001.png")
    report = collect([read_iu_xray(folder)]).report
    assert (report["images"], report["bad_images"]) == (1, {})


def test_reports_without_image_files(tmp_path):
    source = read_iu_xray(reports(tmp_path, xml("CXR1", images=["a"])))
    assert source.root is None
    assert "None" not in source.studies["image_path"][0]
    assert (collect([source]).report["images"], source.counts["reports without an image"]) == (0, 0)


def test_images_outside_the_folder_are_not_taken(tmp_path):
    images = ["../a", "/etc/a", "C:a", r"..\a", "", "good"]
    assert parse(xml(images=images)).images == ("good",)


def test_a_folder_and_an_archive_are_the_same(tmp_path):
    texts = {
        f"ecgen-radiology/{n}.xml": xml(f"CXR{n}", "No edema.", "", ["Opacity"]).encode()
        for n in (10, 9, 1)
    }
    (tmp_path / "b" / "ecgen-radiology").mkdir(parents=True)
    for name, data in texts.items():
        (tmp_path / "b" / name).write_bytes(data)
    file = tar(tmp_path / "x.tgz", texts)
    archive, folder = read_iu_xray(file), read_iu_xray(tmp_path / "b")
    assert archive.studies["study_id"].to_list() == ["CXR1", "CXR9", "CXR10"]
    assert archive.studies.equals(folder.studies) and archive.facts.equals(folder.facts)
    assert archive.annotations == folder.annotations == {"present": 6, "kept": 6}
    assert archive.files == [file]


LAUGHS = '<?xml version="1.0"{}?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<a>",
        b"<a/>",
        b"{}",
        b"\xff\xfe",
        xml().encode()[:-9],
        b'<eCitation><uId id="">x</uId></eCitation>',
        b"<eCitation><uId/></eCitation>",
        xml(uid="../CXR1").encode(),
        xml(uid="a b").encode(),
        xml(uid="C" * 65).encode(),
        xml(uid="CXR1&#10;").encode(),
        xml(findings="&unknown;").encode(),
        xml(findings="M\xfcller").encode("latin-1"),
        xml(head='<?xml version="1.0" encoding="klingon"?>').encode(),
        xml(head='<?xml version="1.0" encoding="hex"?>').encode(),
        xml(findings="&b;", head=LAUGHS.format("")).encode(),
        xml(findings="&b;", head=LAUGHS.format(' encoding="utf-16"')).encode("utf-16"),
        xml(head='<?xml version="1.0"?><!DOCTYPE l SYSTEM "file:///etc/passwd">').encode(),
    ],
    ids=range(20),
)
def test_what_is_no_report_is_refused(data):
    with pytest.raises(InputError, match=r"f\.tgz: found 1\.xml, no XML with a uId"):
        parse(data)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_declared_encodings_are_read(encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert "Müller" in parse(xml(findings="Müller", head=head).encode(encoding)).text


def test_deep_xml_is_read():
    deep = "<a>" * 50_000 + "</a>" * 50_000
    assert parse(xml().replace("</eCitation>", deep + "</eCitation>")).study_id == "CXR1"


def test_collections_that_are_none_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"found a report a second time \(2\.xml\)"):
        read_iu_xray(reports(tmp_path / "a", xml(), xml()))
    with pytest.raises(InputError, match=r"found no \.xml file, expected Open-i reports"):
        read_iu_xray(reports(tmp_path / "b"))
    with pytest.raises(InputError, match="no such file"):
        read_iu_xray(tmp_path / "gone.tgz")
    (tmp_path / "a" / "nlmcxr_dicom_metadata.csv").write_text("imageid\n")
    (tmp_path / "a" / "2.xml").unlink()
    with pytest.raises(InputError, match="column 'View Position'"):
        read_iu_xray(tmp_path / "a")


def test_no_words_of_a_report_are_shown(tmp_path):
    broken = reports(tmp_path, xml(findings="Mr Doe coughs <b>"))
    with pytest.raises(InputError) as error:
        read_iu_xray(broken)
    assert "Doe" not in str(error.value)


DATA = xml("CXR1", "No edema.", "", ["Opacity/lung"], ["a"]).encode()


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, len(DATA)),
    st.binary(max_size=4) | st.sampled_from([b"<", b">", b"&", b'"']),
    st.integers(0, 4),
)
def test_damage_raises_only_our_errors(place, junk, lost):
    only_nast_errors(lambda: parse(DATA[:place] + junk + DATA[place + lost :]))


sentences = st.lists(
    st.sampled_from(
        [
            "No edema.",
            "no",
            "edema",
            "pneumonia",
            "No large effusion.",
            "Small left effusion.",
            "with",
            "pneumothorax is not seen",
            "normal heart size",
            ";",
            "XXXX",
            "without",
        ]
    ),
    max_size=8,
).map(" ".join)
terms = st.sampled_from(
    ["normal", "Pneumonia", "Cardiac Shadow/enlarged", "Opacity/lung/left", "Scoliosis", ""]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(sentences, sentences, st.lists(terms, max_size=3)), min_size=1, max_size=3)
)
def test_every_annotation_is_accounted_for(tmp_path_factory, written):
    texts = [xml(f"CXR{n}", *parts) for n, parts in enumerate(written)]
    source = read_iu_xray(reports(tmp_path_factory.mktemp("r"), *texts))
    assert conserved(source.annotations)
    assert source.annotations["kept"] == len(source.facts)
    both = source.facts.group_by("study_id", "condition").agg(pl.col("existence").n_unique())
    assert (both["existence"] == 1).all()


@pytest.fixture(scope="module")
def archive():
    return real_table("NLMCXR_reports.tgz")


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """The real archive, with the metadata of its images beside it; what it was parsed and read to.

    Parsing and reading 3,955 reports takes seconds, so the tests look at what the reader got.
    """
    folder = tmp_path_factory.mktemp("iu")
    for name in (archive.name, "nlmcxr_dicom_metadata.csv.gz"):
        (folder / name).symlink_to(real_table(name))
    parsed, surveys = [], cache(survey)

    def parsing(*arguments):
        parsed.append(parse_report(*arguments))
        return parsed[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iu_xray, "parse_report", parsing)
        patch.setattr(iu_xray, "survey", surveys)
        source = read_iu_xray(folder / archive.name)
    return source, parsed, surveys


@pytest.fixture(scope="module")
def real(whole):
    return whole[0]


@pytest.fixture(scope="module")
def texts(whole):
    """All real reports, parsed."""
    return whole[1]


def test_real_reports(texts):
    """Sizes of section 4 of the reference, which were measured on the same archive."""
    assert len({r.study_id for r in texts}) == len(texts) == 3_955
    assert sum(not r.text.strip(". \n") for r in texts) == 28
    assert sum("XXXX" in r.text for r in texts) == 1_855
    assert Counter(min(len(r.images), 3) for r in texts) == {0: 104, 1: 446, 2: 3_208, 3: 197}
    assert sum(len(r.images) for r in texts) == 7_470


def test_real_terms(texts):
    terms = [t.lower().split("/") for r in texts for t in r.terms]
    assert len(terms) == 8_298
    heads = Counter(head.strip() for head, *_ in terms)
    assert [heads[h] for h in NO_FINDINGS] == [1_391, 95, 86]
    findings = [
        [q.strip() for q in rest] for head, *rest in terms if head.strip() not in NO_FINDINGS
    ]
    assert len(findings) == 6_726
    qualifiers = Counter(q for rest in findings for q in set(rest))
    expected = {
        "left": 984,
        "right": 1_191,
        "bilateral": 685,
        "base": 702,
        "lower lobe": 277,
        "upper lobe": 235,
        "apex": 140,
        "middle lobe": 139,
        "lingula": 118,
        "hilum": 225,
        "retrocardiac": 33,
        "mild": 909,
        "moderate": 86,
        "severe": 95,
        "small": 198,
        "large": 57,
    }
    assert {q: qualifiers[q] for q in expected} == expected


def test_every_mapped_term_occurs(texts):
    """A head that no report has would be a slip of the pen."""
    terms = [[p.strip() for p in t.lower().split("/")] for r in texts for t in r.terms]
    assert set(HEADS) <= {head for head, *_ in terms}
    assert set(QUALIFIED) <= {(head, q) for head, *rest in terms for q in rest}


@pytest.mark.parametrize(
    ("condition", "facts", "reports", "placed", "graded"),
    [
        # Facts and reports are those of the reference, section 4. Attributes are fewer where the
        # reference counts what we cannot say: hila (Lung Opacity 687, Lung Lesion 129,
        # Consolidation 30, Atelectasis 314, Pleural Effusion 166 with a place), sides of Support
        # Devices (164), Edema (10) and Enlarged Cardiomediastinum (7), and sizes of conditions
        # without grades (Lung Lesion 20, Pleural Other 10, Enlarged Cardiomediastinum 7, Fracture
        # and Consolidation 2, Support Devices and Pneumonia 1).
        ("Lung Opacity", 736, 564, 666, 119),
        ("Cardiomegaly", 427, 395, 0, 193),
        ("Atelectasis", 347, 332, 313, 74),
        ("Support Devices", 298, 272, 0, 0),
        ("Pleural Effusion", 172, 161, 162, 105),
        ("Lung Lesion", 139, 126, 128, 0),
        ("Fracture", 90, 84, 64, 0),
        ("Pleural Other", 48, 47, 41, 0),
        ("Edema", 47, 46, 0, 16),
        ("Pneumonia", 43, 42, 37, 0),
        ("Consolidation", 33, 30, 29, 0),
        ("Enlarged Cardiomediastinum", 27, 27, 0, 0),
        ("Pneumothorax", 23, 23, 21, 14),
    ],
)
def test_real_indexed_facts(real, condition, facts, reports, placed, graded):
    rows = real.facts.filter(source="iu-mesh", condition=condition)
    assert set(rows["existence"]) == {"present"}
    assert (len(rows), rows["study_id"].n_unique()) == (facts, reports)
    place = pl.col("side").is_not_null() | pl.col("zone").is_not_null()
    assert len(rows.filter(place)) == placed
    assert rows["severity"].count() == graded


def test_real_images_and_account(real):
    assert real.counts == {"reports": 3_955, "reports without an image": 104}
    assert (real.studies["image_path"] == "").sum() == 104
    assert real.root is None
    views = Counter(real.studies["view"])
    # A frontal one is chosen wherever the metadata names one.
    assert views["PA"] + views["AP"] > 2_500
    assert set(views) <= {"PA", "AP", "LL", "RL", "LATERAL", ""}
    account = real.annotations
    assert conserved(account)
    assert [account[f"set aside: {reason}"] for reason in NO_FINDINGS.values()] == [1_391, 95, 86]
    assert account["kept"] == len(real.facts)
    assert account["set aside: denial of a size or a place"] > 100


def test_real_facts_do_not_contradict_each_other(real):
    both = real.facts.group_by("study_id", "condition").agg(pl.col("existence").n_unique())
    assert len(both.filter(pl.col("existence") > 1)) == 0


def test_real_reports_that_pass_the_papers_filter(real):
    """The reference counts 128 reports, 114 with an image, with its regular expression.

    Ours (237 and 214 when this was written) sets aside what words affirm or a size limits, and
    also reads "heart size is normal" and its like.
    """
    passed = eligible(real.studies)
    assert 220 <= len(passed) <= 250
    assert 200 <= (passed["image_path"] != "").sum() <= len(passed)


def test_statements_of_normal_size_are_denials_that_the_gold_does_not_contradict(real, gold):
    rows = real.facts.filter(source="iu-text", existence="absent", condition="Cardiomegaly")
    studies = set(rows["study_id"]) & set(gold)
    assert len(studies) >= 2_600
    assert not [study for study in studies if gold[study]["Cardiomegaly"] == "1"]


GOLD = {"Effusion": "Pleural Effusion"}


@pytest.fixture(scope="module")
def gold():
    """The 3,851 reports with public labels of NLM's: report -> condition -> "0" or "1"."""
    file = REAL / "iu-gold" / "openi_gld_std14.csv"
    if not file.is_file():
        pytest.skip("the gold labels (shared/data/iu-gold) are not beside the checkout")
    with open(file, encoding="utf-8") as rows:
        return {row.pop("filename"): row for row in csv.DictReader(rows)}


@pytest.fixture(scope="module")
def denied(whole, texts, gold):
    """Condition -> reports that deny it, in whole or in part."""
    found = defaultdict(set)
    for report in texts:
        for reading in whole[2](report.text)[0] if report.study_id in gold else ():
            if reading.fact.existence == "absent":
                found[reading.fact.condition].add(report.study_id)
    return found


@pytest.mark.parametrize(
    ("name", "guessed", "wrong"),
    [
        ("Effusion", 2_715, 2),
        ("Pneumothorax", 2_597, 0),
        ("Consolidation", 1_188, 0),
        ("Edema", 871, 0),
        ("Pneumonia", 176, 0),
        ("Cardiomegaly", 2_614, 0),
    ],
)
def test_absences_of_real_reports_beside_the_gold(real, gold, denied, name, guessed, wrong):
    """A reader by cues and scope found `guessed` denials; what is sure is nearly all of them."""
    condition = GOLD.get(name, name)
    kept = set(real.facts.filter(source="iu-text", condition=condition)["study_id"])
    assert len(gold) == 3_851
    assert len({report for report in kept & set(gold) if gold[report][name] == "1"}) <= wrong
    assert len(denied[condition]) >= 0.95 * guessed


def test_metadata_of_the_archive_is_read_as_published():
    with gzip.open(real_table("nlmcxr_dicom_metadata.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    views = Counter(row["View Position"] for row in rows)
    assert (views["PA"], views["AP"], views["LL"], views[""]) == (3_593, 423, 717, 2_586)
