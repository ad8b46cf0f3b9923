"""A chat server on loopback that does what a test tells it, and a model that writes right answers.

Neither is a mock of our code: the server speaks HTTP over a socket, the model reads the prompt.
"""

import json
import math
import re
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from nast.facts.conditions import CONDITIONS
from nast.language.read.parse import read
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.templates import sentence
from nast.records import Fact

GRADES = {
    "small": "mild",
    "mild": "mild",
    "large": "severe",
    "severe": "severe",
    "moderate": "moderate",
}


def right(messages, style="without", conditions=CONDITIONS):
    """The answer of a faultless model: what a template says of the facts in the prompt."""
    asked = messages[3]["content"]
    rows = dict(re.findall(r"^([A-Z]|\d+): (.*)$", asked, re.MULTILINE))
    if " = " in asked:
        said = {k: [r.fact for r in read(t, conditions)] for k, t in rows.items()}
        form, before = "affirmative", []
    else:
        said = {label: facts_in(row, conditions) for label, row in rows.items()}
        form, before = "negated", ["Stem: Which statement fits this chest radiograph?"]
    lines = [f"{k}: {sentence(f, style, form, conditions)}" for k, f in said.items()]
    return "\n".join([*before, *lines])


def facts_in(row, conditions=CONDITIONS):
    """The facts of a prompt's row: "pleural effusion present, side left; pneumonia absent"."""
    pattern = r"(\w[\w ]*?) (present|absent)((?:, (?:side|place|severity) [\w ]+?)*)(?=[;,]|$)"
    facts = []
    terms = {c.term: c.name for c in conditions.values()}
    for term, existence, attributes in re.findall(pattern, row):
        said = dict(re.findall(r"(side|place|severity) (\w+)", attributes))
        grade = GRADES.get(said.get("severity"))
        facts.append(Fact(terms[term], existence, said.get("side"), said.get("place"), grade))
    return facts


def model(answer=right, *, name="scripted", chunk=64, log=None, **decoding):
    """A language model in this process; `log` gets every conversation that it is asked."""

    def backend(batch):
        if log is not None:
            log.extend(batch)
        return [answer(messages) for messages in batch]

    return LanguageModel(name, {"temperature": 0.0, **decoding}, backend, chunk)


class Script:
    """What a server does: one step per request, the last one for all further requests.

    A step is a function that gets the handler and the request's JSON.
    """

    def __init__(self, *steps):
        self.steps = list(steps)
        self.requests, self.headers, self.paths = [], [], []
        self.busy = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self.lock:
            self.requests.append(body)
            self.headers.append(dict(handler.headers))
            self.paths.append(handler.path)
            self.busy += 1
            self.most = max(self.most, self.busy)
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        try:
            step(handler, body)
        finally:
            with self.lock:
                self.busy -= 1


def send(handler, code, data, **headers):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    handler.send_response(code)
    for name, value in {"Content-Length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def says(text):
    """Answers with a text, or with what a function makes of the conversation."""

    def step(handler, body):
        words = text(body["messages"]) if callable(text) else text
        send(handler, 200, {"choices": [{"message": {"role": "assistant", "content": words}}]})

    return step


def tells(text, *tokens):
    """Answers with a text and its tokens: pairs of one token and what stands near it.

    Candidates are token -> probability; as many are given as the request asks for.
    """

    def near(candidates, body):
        best = sorted(candidates.items(), key=lambda pair: -pair[1])[: body.get("top_logprobs", 0)]
        return [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in best]

    def step(handler, body):
        content = [
            {
                "token": token,
                "logprob": math.log(candidates[token]),
                "bytes": None,
                "top_logprobs": near(candidates, body),
            }
            for token, candidates in tokens
        ]
        send(
            handler,
            200,
            {
                "choices": [
                    {
                        "message": {"role": "assistant", "content": text},
                        "logprobs": {"content": content},
                    }
                ]
            },
        )

    return step


def takes(most, then):
    """Refuses requests for more log-probabilities than `most`, 0 for any."""

    def step(handler, body):
        refused = body.get("top_logprobs", 0) > most
        send(handler, 400, {"error": "top_logprobs"}) if refused else then(handler, body)

    return step


def refuses(names, then, code=400, said=None):
    """Refuses requests with one of some parameters; `{0}` in what it says is that parameter."""

    def step(handler, body):
        refused = [name for name in names if name in body]
        text = json.dumps(said if said is not None else {"error": "{0}"})
        named = text.replace("{0}", refused[0]) if refused else ""
        send(handler, code, named.encode()) if refused else then(handler, body)

    return step


def status(code, **headers):
    return lambda handler, body: send(handler, code, {"error": body["messages"]}, **headers)


def returns(data):
    return lambda handler, body: send(handler, 200, data)


def slow(seconds, then):
    def step(handler, body):
        time.sleep(seconds)
        then(handler, body)

    return step


def cut(handler, body):
    """Promises more bytes than it sends."""
    send(handler, 200, b'{"choices": [{"mess', Content_Length="500")
    handler.close_connection = True


def reset(handler, body):
    """Ends the connection without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


@contextmanager
def serving(*steps):
    """A server that follows a script; gives its base URL and the script with its log."""
    script = Script(*steps)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            script(self)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        # Of more callers at once than wait in line, some would come back after a second.
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
