"""`python -m nast` is `nast`."""

from nast.cli import main

if __name__ == "__main__":
    main()
