"""Which items are in which subset, by hand."""

from asked import claim, question
from made_up import item, items_of

from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.measuring.subsets import described, subsets_of


def members(items, name):
    return set(subsets_of(items).filter(subset=name)["pair_id"])


def test_kinds_of_wrong_options_by_hand():
    found = described(items_of(question(0))).kinds.filter(item_id="q0-negated")
    # Right: A absent, B and C present. All present: A affirmed. Third: B denied. Fourth: both.
    assert found["kind"].to_list() == ["truth", "missed denial", "missed presence", "both"]
    assert found["option"].to_list() == [0, 1, 2, 3]


def test_subsets_of_questions_by_hand():
    items = items_of([row for n in range(4) for row in question(n, view="AP" if n < 2 else "PA")])
    assert members(items, "view=AP") == {"q0", "q1"}
    # Option 1 denies nothing.
    assert members(items, "negations=0") == members(items, "truth=affirms") == {"q1"}
    assert members(items, "negations=2") == {"q2", "q3"}
    assert members(items, "denying") == members(items, "truth=mixed") == {"q0", "q2", "q3"}
    assert members(items, "cue=without") == {"q2"}
    assert members(items, "Edema") == {"q0", "q1", "q2", "q3"}
    assert {"Edema", "Cardiomegaly", "Fracture"} == described(items).conditions


def test_equivalent_phrases():
    asked = (("Edema", "Cardiomegaly", "Fracture"), ("Edema", "Pleural Effusion", "Fracture"))
    items = items_of(row for n, names in enumerate(asked) for row in question(n, 0, names))
    same = {n for n, c in CONDITIONS.items() if c.phrase_class == "equivalent"}
    wanted = {f"q{n}" for n, names in enumerate(asked) if set(names) <= same}
    assert members(items, "phrases=equivalent") == wanted


def test_phrases_are_classed_by_the_table_that_is_given():
    items = items_of(question(0, 0, ("Left", "Right", "Both")))
    rows = {
        name: Condition(name=name, term=name.lower(), normal="clear", phrase_class=kind)
        for name, kind in (("Left", "equivalent"), ("Right", "equivalent"), ("Both", "broader"))
    }
    found = [
        set(subsets_of(items, Conditions(table))["subset"])
        for table in (rows, {n: r for n, r in rows.items() if n != "Both"})
    ]
    assert ["phrases=equivalent" in names for names in found] == [False, True]
    assert {"Left", "Right", "Both"} <= found[0]


def test_subsets_of_claims_by_hand():
    items = items_of([claim(n, f, n % 2) for f in ("affirmative", "negated") for n in (0, 1)])
    assert members(items, "truth=denies") == {"c0"}
    assert members(items, "truth=mixed") == {"c1"}
    assert members(items, "negations=2") == {"c0"}
    assert members(items, "cue=no") == {"c0", "c1"}
    # Every negated set has a cue, and the affirmative ones are rewrites.
    assert described(items).without_cues.is_empty()
    assert len(described(items.filter(form="affirmative")).without_cues) == 2


def test_imported_items_have_words_only():
    options = ["a dog and no cat", "a cat and no dog"]
    items = items_of([item("i", "negated", "imported", 0, options)])
    found = set(subsets_of(items)["subset"])
    assert found == {"cue=no", "denial=no A"}


def test_options_of_equal_length_by_hand():
    def equal(words):
        items = items_of([*question(0, 0), *question(1, 1, words=words)])
        return set(described(items).equal_lengths.rows())

    # WORDS have 5, 4, 5 and 5 words; "C, without A or B" five, too: within one of each other.
    assert equal(["a b", "c  d", "e", " f g "]) == {
        (f"q{n}", form) for n in (0, 1) for form in ("negated", "affirmative", "omitted")
    }
    found = equal(["a b", "c d", "e", "f g h"])
    assert ("q1", "negated") not in found and ("q1", "omitted") in found
