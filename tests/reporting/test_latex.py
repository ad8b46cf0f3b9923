r"""Tables that drop into a paper: per cent, intervals small, the best bold, every name harmless."""

import shutil
import subprocess

import pytest

from nast.reporting.latex import latex
from nast.reporting.tables import Table

ROWS = [
    ("base", "0.412 [0.380, 0.447]", "0.500 [0.400, 0.600]"),
    ("NAST (lr)", "0.512 [0.480, 0.547]", "0.500 [0.400, 0.600]"),
    ("blind", "0.900 [0.800, 0.950]", "-"),
    ("chance", "0.250", "0.200"),
]
NASTY = "a\\b ^ ~ { } $ & % # _ < > | “q” ±"
PREAMBLE = r"""\documentclass{article}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}{%
\newcommand{\toprule}{\hline}\newcommand{\midrule}{\hline}\newcommand{\bottomrule}{\hline}}
\begin{document}
"""


def table(name="table1", rows=ROWS, header=("Model", "R@1", "Claim accuracy")):
    return Table(name, "Negated captions", header, list(rows))


def nested(value, low, high):
    interval = rf"{{\scriptsize [{low}, {high}]}}"
    return rf"\begin{{tabular}}[c]{{@{{}}r@{{}}}}{value}\\{interval}\end{{tabular}}"


def test_values_are_per_cent_with_the_interval_beneath_and_the_best_bold():
    lines = latex(table()).splitlines()
    assert rf"base & {nested('41.2', '38.0', '44.7')} & " in "\n".join(lines)
    assert any(nested(r"\textbf{51.2}", "48.0", "54.7") in line for line in lines)
    # Equal best values are both bold, and no ranking without an image is the best.
    assert sum(r"\textbf{50.0}" in line for line in lines) == 2
    assert r"\textbf{90.0}" not in "\n".join(lines)


def test_it_is_centred_labelled_and_ruled_off_before_the_blind():
    text = latex(table()._replace(data="set 1"))
    assert text.startswith(
        "\\begin{table}[t]\n\\centering\\small\n\\caption{Negated captions (set 1)}\n"
    )
    assert "\\label{tab:table1-set-1}" in text
    lines = text.splitlines()
    blind = next(n for n, line in enumerate(lines) if line.startswith("blind"))
    assert lines[blind - 1] == r"\midrule" and lines[blind + 1].startswith("chance & 25.0 & 20.0")
    assert r"R@1 $\uparrow$" in text


def test_the_smallest_gap_is_the_best_and_minus_is_a_minus():
    rows = [("a", "+0.200 [+0.100, +0.300]", "-"), ("b", "-0.100 [-0.200, -0.050]", "-")]
    text = latex(table("table3", rows))
    assert nested(r"\textbf{$-$10.0}", "$-$20.0", "$-$5.0") in text
    assert nested("+20.0", "+10.0", "+30.0") in text
    assert r"R@1 $\downarrow$" in text


def test_other_tables_have_no_best_and_long_words_wrap():
    said = "NAST (lr) minus base, affirmative claims -0.030 [-0.050, -0.010], margin 0.01"
    text = latex(Table("verdicts", "Claims", ("Claim", "Here"), [("No harm", said)]))
    assert "\\textbf" not in text and r"p{0.28\linewidth}" in text
    assert "$-$3.0 [$-$5.0, $-$1.0]" in text
    kept = latex(Table("table4", "Shares", ("Model", "top 3"), [("a", "62.0 ± 1.2")]))
    assert r"a & 62.0 $\pm$ 1.2 \\" in kept
    harm = [("a minus base", "-0.030 [-0.050, -0.010], not shown")]
    found = latex(Table("harm", "Change", ("Difference", "Claims"), harm))
    assert nested("$-$3.0, not shown", "$-$5.0", "$-$1.0") in found


def test_a_name_in_brackets_is_no_option_of_the_line_before():
    lines = latex(table(rows=[("[5pt] first", "-", "-"), ("* first", "-", "-")])).splitlines()
    assert r"{}[5pt] first & - & - \\" in lines and r"{}* first & - & - \\" in lines


def test_a_name_makes_nothing_happen():
    text = latex(table(rows=[(NASTY, "-", "-")]))
    line = next(line for line in text.splitlines() if line.startswith("a"))
    assert line == (
        r"a\textbackslash{}b \textasciicircum{} \textasciitilde{} \{ \} \$ \& \% \# \_ "
        r"\textless{} \textgreater{} \textbar{} ``q'' $\pm$ & - & - \\"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_the_tables_of_a_report_compile(tmp_path):
    """Of every shape: shares, gaps, words, names that LaTeX would read."""
    made = [
        table(),
        table(rows=[*ROWS, (NASTY, "0.100", "0.512 [0.480, 0.547]")]),
        table("table3", [("a", "-0.200 [-0.300, -0.100]", "[odd]"), ("[b]", "-", "-")]),
        Table("verdicts", NASTY, ("Claim", "Here"), [("long " * 12, "words " * 20)]),
    ]
    body = "\n".join(latex(t._replace(name=f"{t.name}{n}")) for n, t in enumerate(made))
    (tmp_path / "all.tex").write_text(PREAMBLE + body + "\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 1000
