"""The public names are objects of the modules they are said to come from."""

from importlib import import_module

import pytest

import nast


def test_all_lists_every_public_name_once():
    assert sorted(nast.__all__) == sorted({"__version__", *nast._PUBLIC}) == dir(nast)


@pytest.mark.parametrize("name", sorted(nast._PUBLIC))
def test_name_is_the_object_of_its_module(name):
    module = import_module(nast._PUBLIC[name])
    found = getattr(nast, name)
    assert found is vars(module)[name]
    home = getattr(found, "__module__", module.__name__)
    assert home == module.__name__, "a name is exported from where it is defined"


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'adapter'"):
        _ = nast.adapter
