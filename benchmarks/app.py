"""The page: how often it is drawn anew, what that costs the server, and how soon it is there.

A server runs as people start it, and browsers play a training of one network of 100 units on 200
points: one page alone, then ten at once, each in a browser context of its own. Prints, as Markdown,
pictures a second as they change in the browser; the processor time, in cores, of the server's own
process, of the processes that train, and of everything on the machine, browsers included; and the
time to the first paint.
"""

import shutil
import signal
import statistics
import subprocess
import sys
import time

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

SECONDS = 10.0
PAGES = (1, 10)
QUERY = "?hidden=100&networks=1&points=200&steps=100000&pace=5"

# Counts the changes of the drawn boundary; a step without one is no picture.
_COUNT = """() => {
  window.drawn = 0;
  new MutationObserver(() => { window.drawn += 1; }).observe(
    document.querySelector("[role=status]"), {characterData: true, childList: true, subtree: true});
}"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Start a server and measure."""
    command = [sys.executable, "-m", "backproof", "app", "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
                _print(browser, address, psutil.Process(server.pid))
                browser.close()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


def _print(browser: Browser, address: str, server: psutil.Process) -> None:
    print(
        "| pages | pictures a second, slowest page | median page | server (cores) "
        "| training (cores) | machine (cores) | first paint (s), slowest |"
    )
    print("|---|---|---|---|---|---|---|")
    for count in PAGES:
        pages = [_opened(browser, address) for _ in range(count)]
        paints = [page.evaluate(_PAINT) / 1000 for page in pages]
        for page in pages:
            page.get_by_role("button", name="Play", exact=True).click()
        time.sleep(1)
        rates, (own, training, everything) = _measured(pages, server)
        print(
            f"| {count} | {min(rates):.1f} | {statistics.median(rates):.1f} | {own:.2f} "
            f"| {training:.2f} | {everything:.1f} of {psutil.cpu_count()} | {max(paints):.2f} |"
        )
        for page in pages:
            page.context.close()


def _opened(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.goto(f"{address}{QUERY}")
    page.get_by_text("Step 0 of").wait_for(timeout=60_000)
    page.evaluate(_COUNT)
    return page


def _measured(
    pages: list[Page], server: psutil.Process
) -> tuple[list[float], tuple[float, float, float]]:
    """Return pictures a second of each page; cores used by server, training, and the machine."""
    training = server.children(recursive=True)
    began = time.monotonic()
    before = [page.evaluate("window.drawn") for page in pages]
    own, others = _busy(server), sum(map(_busy, training))
    share = psutil.cpu_percent(interval=SECONDS) / 100
    own, others = _busy(server) - own, sum(map(_busy, training)) - others
    after = [page.evaluate("window.drawn") for page in pages]
    passed = time.monotonic() - began
    rates = [(last - first) / passed for first, last in zip(before, after, strict=True)]
    return rates, (own / passed, others / passed, share * (psutil.cpu_count() or 1))


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
