"""The page in a browser: nothing breaks, filters filter, links arrive, nothing leaves the page.

Needs Debian's ``chromium`` and ``chromium-driver``. Without them the tests are skipped, but fail where ``CI`` is set.
"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.report import made

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        reason = "no chromium and chromedriver here: apt-get install chromium chromium-driver"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return made.page(tmp_path_factory.mktemp("page")).as_uri()


@pytest.fixture
def visit(browser, address):
    """Open the page anew at a place and a size; return the browser."""

    def go(place="", size=DESK):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
        )
        browser.get("about:blank")  # another hash alone would not load the page
        browser.get(address + place)
        return browser

    yield go
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []


def shown(driver):
    """Return the claims that can be seen."""
    script = "return [...document.querySelectorAll('.claim')].filter(c => c.checkVisibility()).map(c => c.id)"
    return {name.removeprefix("claim-") for name in driver.execute_script(script)}


def choose(driver, name, value):
    from selenium.webdriver.common.by import By

    driver.find_element(By.CSS_SELECTOR, f"input[name={name}][value='{value}']").click()


def expected(paper="", verdict=""):
    stem = {"yours": "mine"}.get(paper, paper)
    return {i for i, word in made.verdicts().items() if i.startswith(stem) and verdict in ("", word)}


def test_every_image_is_drawn_and_described(visit):
    images = visit().execute_script("return [...document.images].map(i => [i.naturalWidth, i.alt.trim()])")
    assert images == [[140, made.ALT]]


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_the_page_does_not_scroll_sideways(visit, size):
    driver = visit(size=size)
    driver.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= size[0]


def test_without_a_filter_all_claims_are_shown(visit):
    driver = visit()
    assert shown(driver) == expected()
    assert driver.execute_script("return document.getElementById('shown').textContent") == "Showing all 7 claims"


@pytest.mark.parametrize("paper", ["", "quadratic", "li2019", "yours"])
@pytest.mark.parametrize("verdict", ["", "holds", "refuted", "undecided"])
def test_filters_show_the_right_claims_and_the_address_restores_them(visit, paper, verdict):
    driver = visit()
    choose(driver, "paper", paper)
    choose(driver, "verdict", verdict)
    assert shown(driver) == expected(paper, verdict)
    count = driver.execute_script("return document.getElementById('shown').textContent")
    n = len(expected(paper, verdict))
    assert count == (f"Showing {n} of 7 claims" if paper or verdict else "Showing all 7 claims")
    chapters = "return [...document.querySelectorAll('.chapter')].filter(c => c.checkVisibility()).length"
    stems = {i.partition("-")[0] for i in expected(paper, verdict)}
    assert driver.execute_script(chapters) == len(stems)
    place = driver.execute_script("return location.hash")
    assert shown(visit(place)) == expected(paper, verdict)


def test_an_unknown_filter_in_the_address_filters_nothing(visit):
    assert shown(visit("#paper=nobody2020&verdict=holds")) == expected(verdict="holds")


def test_filters_work_with_the_keyboard(visit):
    from selenium.webdriver.common.keys import Keys

    driver = visit()
    driver.execute_script("document.querySelector('input[name=verdict]').focus()")
    for word in ("holds", "refuted"):
        driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
        assert shown(driver) == expected(verdict=word)


def test_the_link_to_a_source_line_opens_and_reaches_it(visit):
    driver = visit()
    line = made.CLAIMS["first"][1].source[1]
    driver.execute_script("document.querySelector('#claim-li2019-2 .line-link').click()")
    reached = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        setTimeout(() => {
          const line = document.getElementById(location.hash.slice(1));
          const box = line.getBoundingClientRect();
          done([location.hash, line.checkVisibility(), box.top >= 0 && box.bottom <= innerHeight, line.textContent]);
        }, 100);
        """
    )
    assert reached[0] == f"#source-made-{line}" and reached[1] and reached[2] and "li2019-2" in reached[3]


def test_a_link_to_a_hidden_claim_shows_it(visit):
    driver = visit("#paper=quadratic")
    driver.execute_script("document.querySelector('#summary ~ p a[href=\"#claim-li2019-1\"]').click()")
    assert driver.execute_async_script("const done = arguments[0]; setTimeout(() => done(true), 100)")
    assert "li2019-1" in shown(driver)


def test_nothing_is_asked_of_a_network(visit):
    driver = visit()
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []


def test_on_paper_filters_and_manifests_are_gone(visit):
    driver = visit()
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        gone = "return [...document.querySelectorAll('form, details')].filter(e => e.checkVisibility()).length"
        assert driver.execute_script(gone) == 0
        assert shown(driver) == expected()
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_javascript_everything_is_shown(visit, browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver = visit("#paper=quadratic")
        assert shown(driver) == expected()
        assert not driver.execute_script("return document.getElementById('filters').checkVisibility()")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
