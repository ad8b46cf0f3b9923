"""nast embed."""

from pathlib import Path

from nast.commands.arguments import loadable


def embed_command(model: str, *data: Path, vectors: Path, split: str = "all") -> None:
    """Encode the texts and images of data folders ahead of evaluation and training.

    Killed, it goes on where it was. The folder is the --vectors of the other commands. Under
    torchrun the texts and images are shared out among the processes; any number of them may go on
    with what others began.

    Parameters
    ----------
    model: str
        A MODEL; see nast models list.
    data: Path
        Folders of nast facts, benchmark or contextual.
    vectors: Path
        Folder for vectors; each model and access class has its own below it.
    split: str
        train, validate, test or all.
    """
    loadable(model)
    from nast.embedding import embed_folder, launched
    from nast.errors import UsageError
    from nast.folders import strictest_of
    from nast.models.registry import load_model
    from nast.vectors import Vectors

    if split not in ("train", "validate", "test", "all"):
        raise UsageError(f"--split is {split!r}; choose train, validate, test or all")
    if not data:
        raise UsageError(
            "give at least one data folder, for example: "
            "nast embed phantom questions --vectors vectors"
        )
    process = launched()
    loaded = load_model(model)
    # The access class that an evaluation of the same folders will ask for.
    known = Vectors(loaded, vectors, strictest_of([*data, *loaded.made_from]))
    number, of = process
    whose = f"process {number + 1} of {of}: " if of > 1 else ""
    for folder in data:
        counts = embed_folder(known, folder, split, process)
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        print(f"{whose}{folder}: {told}", flush=True)
