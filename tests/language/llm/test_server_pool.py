"""Several servers share the requests of one model, and lose nothing with one of them."""

import threading

import pytest
from scripted import says, serving

from nast.cli import run
from nast.errors import ModelError, UsageError
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.endpoints import Endpoint
from nast.language.write.llm.server import server_model
from nast.language.write.llm.server_pool import ServerPool, as_one_model
from nast.paper.recipe import Writer

TALKS = [({"role": "user", "content": f"quokka {n}"},) for n in range(10)]


class Server:
    """Answers a conversation with its own words, until it is told to fail or to be silent."""

    def __init__(self, name, fails_after=None, silent=()):
        self.name, self.fails_after, self.silent = name, fails_after, silent
        self.asked, self.calls = [], 0

    def __call__(self, batch):
        self.calls += 1
        if self.fails_after is not None and self.calls > self.fails_after:
            raise ModelError(f"{self.name}: no answer after 6 tries")
        self.asked += [m[0]["content"] for m in batch]
        return [None if t in self.silent else f"{t} heard" for t in self.asked[-len(batch) :]]


def wanted(talks=TALKS):
    return [f"{m[0]['content']} heard" for m in talks]


def test_each_server_gets_its_part_and_answers_keep_their_order():
    servers = [Server("a"), Server("b"), Server("c")]
    assert ServerPool(servers)(TALKS) == wanted()
    assert sorted(len(s.asked) for s in servers) == [3, 3, 4]


@pytest.mark.parametrize("fails_after", [0, 1])
def test_what_a_lost_server_had_goes_to_the_others(fails_after):
    lost, kept = Server("a", fails_after), Server("b")
    pool = ServerPool([lost, kept])
    first = pool(TALKS) if fails_after else None
    assert first in (None, wanted())
    with pytest.warns(UserWarning, match="a: no answer after 6 tries; the other 1 go on"):
        assert pool(TALKS) == wanted()
    # It is asked no more.
    calls = lost.calls
    assert pool(TALKS) == wanted() and lost.calls == calls


def test_with_the_last_server_the_run_ends():
    servers = [Server("a", 0), Server("b", 0)]
    with pytest.warns(UserWarning), pytest.raises(ModelError, match="no answer after 6 tries"):
        ServerPool(servers)(TALKS)


def test_silence_is_asked_of_another_server_once():
    talk = TALKS[0][0]["content"]
    first, second = Server("a", silent=[talk]), Server("b")
    assert ServerPool([first, second])(TALKS) == wanted()
    both = [Server("a", silent=[talk]), Server("b", silent=[talk])]
    assert ServerPool(both)(TALKS) == [None, *wanted(TALKS[1:])]
    assert sum(s.asked.count(talk) for s in both) == 2


def test_what_one_server_never_answers_is_asked_of_the_other():
    servers = [Server("a"), Server("b", silent=[t[0]["content"] for t in TALKS])]
    assert ServerPool(servers)(TALKS) == wanted()
    assert len(servers[0].asked) == len(TALKS)


def test_answers_of_a_call_are_handed_on_though_the_last_server_is_lost():
    """What was answered is kept; the next call ends the run."""
    pool = ServerPool([Server("a", 1), Server("b", 0)])
    with pytest.warns(UserWarning):
        found = pool(TALKS[:2])
    assert found == [*wanted(TALKS[:1]), None]
    with pytest.raises(ModelError, match="a: no answer"):
        pool(TALKS[:2])


def test_what_any_server_refuses_is_known():
    models = [LanguageModel("m", {}, Server(n), refused=[]) for n in "ab"]
    model = as_one_model(models)
    models[1].refused.append("seed left out")
    model.backend(TALKS)
    assert list(model.refused) == ["seed left out"]


def test_real_servers_answer_at_the_same_time():
    together = threading.Barrier(2, timeout=20)

    def waits(handler, body):
        # Passed only if the other server has a request, too.
        together.wait()
        says("yes")(handler, body)

    with serving(waits) as (one, _), serving(waits) as (two, _):
        models = [server_model(Endpoint(address, "m"), "open") for address in (one, two)]
        model = as_one_model(models)
        assert model.backend(TALKS[:2]) == ["yes", "yes"]
        assert model.chunk == 2 * models[0].chunk
        assert model.name == "m"


def test_servers_of_two_models_are_refused():
    models = [LanguageModel(name, {}, Server(name)) for name in ("a", "b")]
    with pytest.raises(UsageError, match="names the models 'a' and 'b'"):
        as_one_model(models)


def test_the_command_and_the_recipe_take_several(facts, tmp_path, capsys):
    urls = ["http://127.0.0.1:9/v1#m", "http://127.0.0.1:8/v1#n"]
    command = ["benchmark", "build", str(facts), "-o", str(tmp_path / "q"), "--realiser", "llm"]
    options = [word for url in urls for word in ("--endpoint", url)]
    assert run([*command, *options, "--loopback-stays"]) == 2
    assert "names the models 'm' and 'n'" in capsys.readouterr().err
    assert Writer.model_validate({"endpoint": urls[0]}).given() == {"endpoint": urls[:1]}
    assert Writer.model_validate({"endpoint": urls}).given() == {"endpoint": urls}
