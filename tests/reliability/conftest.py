"""One small build for the whole folder, and the command line."""

import pytest
from built import contextual_set, question_set

from nast.cli import run


@pytest.fixture
def call(capfd):
    """Run a command line: exit code, standard output, standard error."""

    def _call(*arguments):
        capfd.readouterr()
        try:
            code = run([str(a) for a in arguments])
        except SystemExit as ended:
            code = ended.code
        return code, *capfd.readouterr()

    return _call


@pytest.fixture
def done(call):
    """Run a command that a test only builds on.

    It raises no AssertionError: a test of an open row that cannot even begin has not failed as
    expected.
    """

    def _done(*arguments):
        code, out, err = call(*arguments)
        if code:
            raise RuntimeError(f"{arguments} ended with {code}: {err}")
        return out

    return _done


@pytest.fixture
def refused(call):
    """Run a command that must fail with a message of ours, or stop because it was interrupted."""

    def _refused(*arguments):
        code, _, err = call(*arguments)
        if code != 130 and not (code in (1, 2) and err.startswith("nast: ")):
            raise RuntimeError(f"{arguments} ended with {code}: {err}")

    return _refused


@pytest.fixture(scope="session")
def questions(facts):
    """A finished folder of questions."""
    return question_set(facts)


@pytest.fixture(scope="session")
def claims(facts):
    """A finished folder of claim sets and captions."""
    return contextual_set(facts)
