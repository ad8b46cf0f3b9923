"""nast models list, nast models check."""


def list_models() -> None:
    """Print what a MODEL may be."""
    from nast.models.registry import KINDS

    for kind, text in KINDS.items():
        print(f"{kind:12} {text}")


def check(model: str) -> None:
    """Load a model and test its contract on two sentences.

    Parameters
    ----------
    model: str
        phantom, hf:FOLDER or run:FOLDER.
    """
    from nast.models.registry import load_model
    from nast.tracing.check import check_model

    for name, value in check_model(load_model(model)).items():
        print(f"{name}: {value}")
