"""The page of `tilewright explore` in a real browser, without a network."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tilewright.flows import ReportTarget
from tilewright.tile import TileConfig
from tilewright_sim.explore import Exploration, Task, load_sweep, measure, page
from tilewright_sim.explore.pareto import pareto_front
from tilewright_sim.models.cycles import Bus

pytestmark = pytest.mark.long
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def exploration() -> dict:
    """Twelve tiles with cycles of the cycle model, and areas and Fmax that are made up."""
    sweep = load_sweep(TileConfig, "small", sweeps=["dot=1,2,4,3", "rows=4,8", "cols=4,8"])
    points, skipped = sweep.points()
    tasks = {
        point.number: Task(core="tile", config=point.config, target=ReportTarget.parse("ecp5"), bus=Bus(),
                           parts=("area", "timing", "cycles"), shapes=((64, 64, 64), (1, 64, 64)))
        for point in points
    }  # fmt: skip
    results = Exploration(points, skipped, tasks, ["dot", "rows", "cols"])
    for number, task in tasks.items():
        config = task.config
        area = {"total": {"lut4": config.rows * config.cols * (20 - config.dot) + 7 * number, "ff": 900 - number}}
        results.add(
            number,
            {**measure(task.only(["cycles"])).values, "area": area, "timing": {"fmax_mhz": 90.0 + 7 * number % 50}},
        )
    return results.to_json({"core": "tile", "target": "ecp5-85k", "about": "A test.", "rule": "A rule."})


@pytest.fixture(scope="module")
def browser(exploration, tmp_path_factory):
    """Chromium with the page open, and no way to reach any host."""
    if BROWSER is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver: run `apt-get install chromium chromium-driver`")
    file = tmp_path_factory.mktemp("page") / "explore.html"
    file.write_text(page(exploration), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=1300,1600", "--host-resolver-rules=MAP * ~NOTFOUND"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.get(file.as_uri())
        WebDriverWait(driver, 60).until(lambda page: page.find_element(By.TAG_NAME, "body").get_attribute("data-ready"))
        yield driver
    finally:
        driver.quit()


def configuration(browser) -> dict[str, str]:
    """Read the panel."""
    rows = browser.find_elements(By.CSS_SELECTOR, "#configuration tr")
    cells = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]
    return {field: value for field, value in cells}  # noqa: C416  # two cells in each row


def front(browser) -> set[int]:
    return set(map(int, browser.find_element(By.ID, "pareto").get_attribute("data-front").split()))


def wanted_front(exploration: dict, x: str, y: str) -> set[int]:
    signs = {axis["name"]: -1 if axis["more_is_better"] else 1 for axis in exploration["axes"]}
    points = exploration["points"]
    on = pareto_front([[signs[name] * point["figures"][name] for name in (x, y)] for point in points])
    return {point["number"] for point, best in zip(points, on, strict=True) if best}


def title(browser, axis: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, f"#pareto .{axis}title").text


def test_it_opens_without_a_network_and_without_an_error(browser, exploration):
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    shown = browser.find_elements(By.CSS_SELECTOR, "#pareto .scatterlayer .point")
    assert len(shown) == len(exploration["points"]) == 12
    assert "4 invalid points" in browser.find_element(By.ID, "skipped-title").text
    assert "must divide rows" in browser.find_element(By.ID, "skipped").text


def test_changing_an_axis_draws_it_and_computes_the_front_anew(browser, exploration):
    seen = set()
    for x, y in (
        ("lut4", "gmacs 64x64x64"),
        ("lut4", "fmax_mhz"),
        ("ff", "gmacs 1x64x64"),
        ("fmax_mhz", "gmacs 64x64x64"),
    ):
        Select(browser.find_element(By.ID, "x")).select_by_value(x)
        Select(browser.find_element(By.ID, "y")).select_by_value(y)
        labels = {axis["name"]: axis["label"] for axis in exploration["axes"]}
        WebDriverWait(browser, 10).until(lambda page, x=x, labels=labels: title(page, "x") == labels[x])
        assert title(browser, "y") == labels[y]
        assert front(browser) == wanted_front(exploration, x, y)
        seen.add(frozenset(front(browser)))
    assert len(seen) > 1


def test_a_click_on_a_point_shows_its_configuration(browser, exploration):
    Select(browser.find_element(By.ID, "x")).select_by_value("ff")  # different for each point
    Select(browser.find_element(By.ID, "y")).select_by_value("fmax_mhz")
    chosen = set()
    for place in (0, 3, 7):
        marks = browser.find_elements(By.CSS_SELECTOR, "#pareto .scatterlayer .point")
        ActionChains(browser).move_to_element(marks[place]).click().perform()
        number = int(browser.find_element(By.ID, "panel").get_attribute("data-point"))
        point = next(point for point in exploration["points"] if point["number"] == number)
        assert configuration(browser) == {field: str(value) for field, value in point["config"].items()}
        assert f"bottleneck {point['shapes'][1]['knob']}" in browser.find_element(By.ID, "panel").text
        chosen.add(number)
    assert len(chosen) == 3


def test_the_roofline_shows_the_chosen_point_under_its_roofs(browser, exploration):
    browser.find_elements(By.CSS_SELECTOR, "#binds tr")[1].click()
    traces = browser.execute_script("return document.getElementById('roofline').data")
    roofs = {trace["name"]: trace for trace in traces}
    point = exploration["points"][0]
    peak = point["config"]["rows"] * point["config"]["cols"]
    assert roofs["multipliers"]["y"] == [peak, peak]
    marks = roofs[f"point {point['number']}"]
    for x, y, shape in zip(marks["x"], marks["y"], point["shapes"], strict=True):
        assert x == pytest.approx(shape["intensity"])
        assert y == pytest.approx(shape["macs"] / shape["cycles"])
        assert y <= min(peak, x * shape["peak_bytes_per_cycle"])
