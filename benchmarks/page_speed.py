"""How large the report's page is, and how fast Chromium opens it, on many items.

    python benchmarks/page_speed.py FOLDER... --model MODEL [--model MODEL] [--vectors DIR]

The folders are of `nast benchmark build` and `nast contextual build`; the models score them, and
the page shows where they differ. Needs Playwright and a Chromium.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
from playwright.sync_api import sync_playwright

import nast

OPENINGS = 5
READY = "document.querySelectorAll('#b-items .item').length > 0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--vectors", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        models = [nast.load_model(name) for name in args.model]
        began = time.perf_counter()
        nast.evaluate(models, args.folders, root / "scores", vectors=args.vectors)
        print(f"evaluate: {time.perf_counter() - began:.0f} s", flush=True)
        items = pl.concat(
            [pl.scan_parquet(f / "items.parquet").select("item_id", "split") for f in args.folders]
        )
        count = items.filter(split="test").collect().height
        began = time.perf_counter()
        nast.build_report([root / "scores", *args.folders], root / "report")
        page = root / "report" / "report.html"
        print(f"{count:,} items: report in {time.perf_counter() - began:.1f} s")
        print(f"page: {page.stat().st_size / 1e6:.1f} MB")
        print(f"opens in {min(opened(page) for _ in range(OPENINGS)):.2f} s, best of {OPENINGS}")


def opened(page: Path) -> float:
    """Seconds until the browser has loaded the page and shows its first items."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri(), wait_until="load")
        tab.wait_for_function(READY)
        took = time.perf_counter() - began
        browser.close()
    return took


if __name__ == "__main__":
    main()
