"""Headless Chromium for pages that stand in files or on loopback."""

import shutil
import tempfile
from contextlib import contextmanager

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
    "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-color-profile=srgb",
)  # fmt: skip
BROWSERS, DRIVER = ("chromium", "chromium-browser", "google-chrome"), "chromedriver"


def needs_chromium():
    """Skip, with the reason, where there is no browser to drive."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    if not (any(map(shutil.which, BROWSERS)) and shutil.which(DRIVER)):
        pytest.skip("Chromium and its driver are not installed: apt-get install chromium chromium-driver")


@contextmanager
def browser(width=1280, height=1600, dark=False):
    """A browser with a fresh profile; `errors(driver)` tells what its console has complained about."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which(DRIVER)))
        try:
            features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            resize(driver, width, height)
            yield driver
        finally:
            driver.quit()


def resize(driver, width, height):
    """The size of what the page sees."""
    sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)


def errors(driver):
    """What the console has said since the last call, but for hints about the software renderer."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
