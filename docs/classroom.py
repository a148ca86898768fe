"""Makes what the README shows of the demonstration: a recorded lesson and a picture of the page.

The picture wants Debian's chromium; the run on it is paced, so that it differs a little each time.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from signal import SIGINT

from playwright.sync_api import sync_playwright

from bench.classroom.lessons import choose
from bench.classroom.recording import record

DOCS = Path("docs")
LESSON = "outage"
KILLED_S = 20
"""When the server is killed: seconds of the run."""
PASSED = "/^([\\d.]+) s$/.exec(document.querySelector('.fsl-time').textContent)?.[1] >= {}"


def photograph(path: Path) -> None:
    """Play a run on the live page, kill the server, and keep a picture of what comes of it."""
    command = [sys.executable, "-m", "bench.cli", "demo", "--port", "0"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            size = {"width": 1280, "height": 720}
            # The page allows no eval, by which Playwright waits.
            page = browser.new_page(viewport=size, bypass_csp=True)
            page.goto(demo.stdout.readline().strip())
            page.get_by_role("button", name="Start").click()
            page.wait_for_function(PASSED.format(KILLED_S))
            page.get_by_role("button", name="Kill the server").click()
            page.locator(".fsl-log", has_text="Peer to peer: finished").wait_for()
            page.screenshot(path=path)
            browser.close()
    finally:
        demo.send_signal(SIGINT)
        demo.communicate()


def main() -> None:
    """Record and photograph; to be started in the project's folder."""
    settings, speed = choose({}, lesson=LESSON)
    record(DOCS / "lesson.html", settings, speed=speed, lesson=LESSON)
    photograph(DOCS / "classroom.png")


if __name__ == "__main__":
    main()
