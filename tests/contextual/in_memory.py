"""Claim sets and captions as tables, without a folder."""

import polars as pl

from nast.contextual.captions import caption_slices, plan_captions
from nast.contextual.claims import claims_table, find_groups
from nast.records import CAPTIONS_SCHEMA


def make_claims(studies, facts, k=5, groups=200, seed=0, construction="balanced"):
    """Claim sets of every split, in template sentences."""
    found = find_groups(studies, facts, k, groups, seed=seed, construction=construction)
    return claims_table(found, studies, seed)


def make_captions(studies, facts, per_study=2, seed=0, *, paraphrases=1):
    """All captions, sorted by study, negated ones first."""
    plan = plan_captions(studies, facts, per_study, seed, paraphrases=paraphrases)
    return pl.concat([pl.DataFrame(schema=CAPTIONS_SCHEMA), *caption_slices(plan)])
