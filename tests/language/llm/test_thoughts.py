"""Where an answer begins: every way of marking thoughts, spelled in every way, and none of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nast.language.write.llm.thoughts import spoken

STYLES = {
    "deepseek, qwen": "<think>{}</think>\n\n",
    "the first mark in the prompt": "{}</think>\n\n",
    "claude": "<thinking>{}</thinking>",
    "exaone": "<thought>\n{}\n</thought>\n",
    "reasoning": "<reasoning>{}</reasoning>",
    "seed": "<seed:think>{}</seed:think>",
    "minimax": "<mm:think>{}</mm:think>",
    "magistral": "[THINK]{}[/THINK]",
    "kimi-vl": "◁think▷{}◁/think▷",
    "kimi k3": "<|open|>think<|sep|>{}<|close|>think<|sep|><|open|>response<|sep|>",
    "medgemma": "<unused94>thought\n{}<unused95>",
    "pangu": "[unused16]{}[unused17]",
    "gemma": "<|channel>thought\n{}<channel|>",
    "harmony": "<|channel|>analysis<|message|>{}<|end|>"
    "<|start|>assistant<|channel|>final<|message|>",
    "harmony, json": "<|channel|>analysis<|message|>{}<|end|><|start|>assistant"
    "<|channel|>final <|constrain|>JSON<|message|>",
    "harmony without its marks": "analysis{}assistantfinal",
    "glimmer": "to=self<|message|>{}<|eom|>to=user<|message|>",
    "llava-cot": "<SUMMARY>{0}</SUMMARY><CAPTION>{0}</CAPTION>"
    "<REASONING>{0}</REASONING><CONCLUSION>",
    "deepseek pipes": "<｜begin▁of▁thought｜>{}<｜end▁of▁thought｜>",
    "openthoughts": "<|begin_of_thought|>{}<|end_of_thought|><|begin_of_solution|>",
    "command a": "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>",
    "apertus": "<|inner_prefix|>{}<|inner_suffix|>",
    "solar": "<|think:start|>{}<|think:end|>",
    "hyperclova": "<|im_start|>assistant/think\n{}<|im_end|>\n<|im_start|>assistant\n",
    "glued": "<|startofthought|>{}<|endofthought|>",
    "granite": "Here is my thought process:\n{}\nHere is my response:\n",
    "granite, short": "Here's my thought process: {} Here's my response: ",
    "hunyuan": "<think>\n{}\n</think>\n<answer>\n",
    "ernie": "<think>\n{}\n</think>\n\n<response>\n",
    "huatuo": "## Thinking\n\n{}\n\n## Final Response\n\n",
    "bold headings": "**Thought process:**\n{}\n**Answer:**\n",
    "a sentence ends it": "Chain of thought:\n{}\nThe correct answer is:\n",
    "ollama": "Thinking...\n{}\n...done thinking.\n\n",
    "a fence": "```thinking\n{}\n```\n",
    "a comment": "<!-- {} -->",
    "details": '<details type="reasoning">\n<summary>Thought</summary>\n{}\n</details>\n',
    "brackets": "[Reasoning]\n{}\n[Answer]\n",
    "a word of tomorrow": "<musing>{}</musing>",
    "marks of tomorrow": "«ponder»{}«/ponder»",
    "pipes of tomorrow": "<|ponder_begin|>{}<|ponder_end|>",
}
THOUGHT = "The answer is A? No, the edge is visible."
SPELLINGS = {
    "plain": lambda s: s,
    "large": lambda s: s.replace("think", "THINK").replace("thought", "Thought"),
    "escaped": lambda s: s.replace("<", "&lt;").replace(">", "&gt;"),
    "escaped twice": lambda s: s.replace("<", "&amp;lt;").replace(">", "&amp;gt;"),
    "as JSON has it": lambda s: s.replace("<", "\\u003c").replace(">", "\\u003e"),
    "wide": lambda s: s.replace("<", "＜").replace(">", "＞"),
    "as Markdown has it": lambda s: s.replace("<", "\\<").replace(">", "\\>"),
    "with a hidden blank": lambda s: s.replace("think", "th\u200bink"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("style", STYLES)
def test_the_answer_begins_behind_the_thought(style, spelling):
    if spelling.startswith(("escaped", "as ")) and style == "a comment":
        pytest.skip("an escaped comment is text")
    said = SPELLINGS[spelling](STYLES[style].format(THOUGHT)) + "Edema present."
    found = spoken(said)
    assert "answer is A" not in found
    assert found.strip("\n").endswith("Edema present.")


# Without a first mark that is known, nothing says that it was a thought.
UNSEEN = ("the first mark in the prompt", "marks of tomorrow")


@pytest.mark.parametrize("style", [s for s in STYLES if s not in UNSEEN])
def test_a_thought_without_end_is_no_answer(style):
    before, _, _ = STYLES[style].partition("{}" if "{}" in STYLES[style] else "{0}")
    assert spoken(before + THOUGHT) == ""
    assert spoken(before + "The answer is A") == ""


@pytest.mark.parametrize("style", STYLES)
def test_a_thought_and_nothing_else_is_no_answer(style):
    said = spoken(STYLES[style].format(THOUGHT))
    assert "answer is A" not in said and "visible" not in said


@pytest.mark.parametrize(
    "said",
    [
        "<think time=3>A?</think>B",
        '<thinking budget="100">A?</thinking>B',
        "< think >A?</ think >B",
        "<think\n>A?</think>B",
        "<THINK>A?</THINK>B",
        "<think>A?</think><think>C?</think>B",
        "<think>A?<think>C?</think>D?</think>B",
        "<think><think>A?</think>B",
        "<think>a <b>C</think>B",
        "<think></think>B",
        "<think/>B",
        "A</think\nB",
        "A.</reasoning>B<|im_end|>",
        "<answer>A</answer><think>C?</think>B",
        "<think>A?</think>C<reflection>C? no</reflection>B",
        "<s>[INST] Which? [/INST] B</s>",
        "<|assistant|>B<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>",
        "<start_of_turn>model\nB<end_of_turn>",
        "B<|endoftext|>",
        "B<end_of_utterance>",
        "B<｜end▁of▁sentence｜>",
        "B<|nobody_knows|>",
        "<image>\nB",
        "<b>B</b>",
        "<p><strong>B</strong></p>",
    ],
)
def test_only_b_is_left(said):
    assert spoken(said).strip() == "B"


@pytest.mark.parametrize(
    "said",
    [
        "<think>A",
        "B<think>A?",
        "B<think>",
        "<think>A?</think><think>B",
        "The answer is A.<think>or B?</think>",
        "<think A",
        "B<|im_end|>\n<|im_start|>user\nAnd now?",
        "<musing>A",
        "<think>The film <note>shows it</note> so the answer is A",
        "<think>A?<b>no</b>B",
        "<|channel|>final<|message|>A<|end|><|start|>assistant<|channel|>analysis<|message|>B",
    ],
)
def test_nothing_is_left(said):
    assert spoken(said).strip() == ""


@pytest.mark.parametrize(
    "said",
    [
        "B",
        "<C>",
        "The effusion is < 3 cm and the heart > 15 cm.",
        "A < B and C > D",
        "I think (as a reader) that B is right.",
        "B (see below)",
        "[C]",
        '{"answer": ["B"]}',
        "The thought of an effusion: B",
        "Final answer: B",
        "Answer\nB",
        "```json\n{}\n```",
        "\\[ \\boxed{C} \\]",
        "A --> B",
    ],
)
def test_what_has_no_marks_stays(said):
    assert spoken(said) == said


def test_the_mark_of_an_answer_becomes_words():
    assert spoken("I see.<answer>B</answer>", "\nAnswer: ") == "I see.\nAnswer: B\n"
    assert spoken("<FinalAnswer>B</FinalAnswer>", "\nAnswer: ") == "\nAnswer: B\n"
    assert spoken("<|begin_of_box|>B<|end_of_box|>", "\nAnswer: ") == "\nAnswer: B\n"


@given(
    st.text(),
    st.sampled_from(
        ["<think>{}</think>", "[THINK]{}[/THINK]", "◁think▷{}◁/think▷", "<unused94>{}<unused95>"]
    ),
    st.sampled_from("BCD"),
)
def test_any_thought_is_left_out(thought, style, letter):
    assert spoken(style.format(thought) + letter).strip() == letter


@pytest.mark.parametrize(
    "filler",
    [
        "<think>",
        "<",
        "[",
        "</think>",
        "<!--",
        "# a ",
        "\n\n",
        "to=",
        "a' ",
        "```\n",
        "&lt;",
        "thinking ",
        "<think ",
        "- - ",
    ],
)
def test_a_long_reply_is_read_at_once(filler):
    start = time.monotonic()
    spoken(filler * (100_000 // len(filler)))
    assert time.monotonic() - start < 5
