"""Pages in a real browser: Chromium by Playwright, without a network and with every fault kept."""

import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def browser(width=1280, height=900, dark=False, **context):
    """A browser; `open(path)` gives a page, `faults` what a console or the network reported."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    faults = []

    def watch(page):
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: (
                faults.append(f"request: {request.url[:80]}")
                if not request.url.startswith(("file:", "data:", "blob:"))
                else None
            ),
        )
        return page

    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        scheme = "dark" if dark else "light"
        made = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **context
        )

        def open_page(path):
            page = watch(made.new_page())
            page.goto(f"file://{path}")
            return page

        yield SimpleNamespace(open=open_page, faults=faults)
        chromium.close()


def sideways(page):
    """Pixels that the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def serious_faults(page):
    """What axe-core finds serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS]


SERIOUS = ("serious", "critical")


def has_value(page, selector, value):
    """Wait for a field to hold a value, without any script that the page forbids."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_value(value)
