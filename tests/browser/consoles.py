#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Both consoles in headless Chromium; on demand: `scripts/console-test`."""
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
SHOTS = pathlib.Path(sys.argv.pop(2))
from harness import CODE, Service, Sim, fails, running  # noqa: E402
from metrics import metrics_url  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service as Driver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

WORLD = {
    "home_region": "us-east-1",
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 100},
                                                  {"name": "us-west-2", "capacity": 0},
                                                  {"name": "eu-central-1", "capacity": 100}]},
               {"id": "fleet-full", "locations": [{"name": "us-east-1", "capacity": 0}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}, {"id": "alias-full", "fleet": "fleet-full"},
                {"id": "alias-closed", "terminal": "This version of the game has ended."}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 10000},
               {"name": "full-queue", "destinations": ["alias-full"], "timeout_ms": 200}],
}

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars", "--no-proxy-server")

# Text against what is behind it, WCAG 2.1: 4.5 to 1. Charts and hidden things are left out.
CONTRAST = """
const lum = c => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
const rgb = s => s.match(/[\\d.]+/g).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
const bad = new Set();
for (const e of document.querySelectorAll('body *')) {
  if (e.closest('svg, script, style, .skip') || !e.offsetParent) continue;
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
  const a = lum(rgb(getComputedStyle(e).color)), b = lum(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) bad.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
}
return [...bad];
"""


class Browser:
    def __init__(self, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (*FLAGS, f"--user-data-dir={tempfile.mkdtemp()}"):
            options.add_argument(flag)
        if dark:
            options.add_argument("--force-dark-mode")
            options.add_argument("--blink-settings=preferredColorScheme=0")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Driver("/usr/bin/chromedriver"), options=options)

    def open(self, url, width=1280, height=1800):
        self.driver.set_window_size(width, height)
        self.driver.get(url)

    def text(self, part):
        return self.driver.find_element(By.ID, part).text

    def rows(self):
        """Calls that show; asked in one go, as the page changes by itself."""
        return self.driver.execute_script("return [...document.querySelectorAll("
                                          "'#calls tbody tr')].filter(r => !r.hidden).length")

    def shot(self, name):
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))

    def part(self, name, part):
        """A picture of one part, which may be below what a shot of the page shows."""
        self.driver.find_element(By.ID, part).screenshot(str(SHOTS / f"{name}.png"))

    def check(self, name):
        """What holds for every page, at every width."""
        self.shot(name)
        errors = [e for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
        assert not errors, errors
        bad = self.driver.execute_script(CONTRAST)
        assert not bad, f"{name}: too little contrast: {bad}"
        wide = self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        which = self.driver.execute_script(
            "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right"
            " > innerWidth + 1 && !e.closest('.scroll')).slice(0, 5).map(e => e.outerHTML.slice(0, 80))")
        assert wide <= 0, f"{name} is {wide} pixels too wide: {which}"
        print(f"ok      {name}")


def until(check, what):
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def busy(service):
    for i in range(30):
        service.create(session_id=f"busy-{i}", requested_region=["us-west-2", "us-east-1"])
        fails(lambda: service.create(session_id="no id!"), CODE.INVALID_ARGUMENT)
        service.create_async(session_id=f"match-{i}")


def place(sim, service):
    """Placements of every kind: AGS waits for some, has others, and refuses to know the rest."""
    for i in range(4):
        sim.put_ags_session(f"placed-{i}", status="REQUESTED")
        service.create_async(session_id=f"placed-{i}")
        sim.put_ags_session(f"full-{i}", status="REQUESTED")
        service.create_async(session_id=f"full-{i}", deployment="full-queue")
    service.create_async(session_id="unknown-to-ags")
    until(lambda: sim.control("GET", "ags/sessions/studio-game/full-3")["history"], "no report")


def drive_service(browser, sim, service):
    url = metrics_url(service).replace("/metrics", "/")
    browser.open(url)
    browser.check("service-empty")
    busy(service)
    place(sim, service)
    until(lambda: "busy-29" in browser.text("calls"), "the page does not update itself")
    browser.check("service-full")
    browser.driver.find_element(By.ID, "find").send_keys("busy-7")
    assert browser.rows() == 1, "the filter does not filter"
    browser.driver.find_element(By.ID, "find").clear()
    browser.driver.find_element(By.ID, "failures").click()
    assert browser.rows() == 30, "only failures: other calls show"
    for fault, code in ((dict(kind="throttle"), CODE.RESOURCE_EXHAUSTED),
                        (dict(kind="error", type="InternalServiceException", status=500),
                         CODE.UNAVAILABLE)):
        sim.fault(service="gamelift", operation="CreateGameSession", count=3, **fault)
        fails(lambda: service.create(session_id="struck"), code)
    until(lambda: "asks for fewer requests" in browser.text("troubles"), "no trouble shows")
    sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http", status=503)
    sim.put_ags_session("not-reported", status="REQUESTED")
    service.create_async(session_id="not-reported")
    until(lambda: "comes again" in browser.text("placements"), "no pending placement shows")
    browser.part("service-fault-placements", "placements")
    browser.check("service-fault")
    browser.open(url, 390, 1600)
    browser.check("service-narrow")
    browser.part("service-narrow-placements", "placements")


def drive_sim(browser, sim):
    browser.open(sim.url + "/")
    browser.check("sim-full")
    button = browser.driver.find_element(By.XPATH, "//button[text()='Throttle']")
    button.click()
    assert "throttle" in browser.text("faults"), browser.text("faults")
    browser.driver.find_element(By.XPATH, "//button[text()='Fill up']").click()
    assert "Outage rehearsed" in browser.text("state")
    browser.check("sim-fault")
    browser.driver.find_element(By.XPATH, "//button[text()='Reset everything']").click()
    assert "All well" in browser.text("state") and "None" in browser.text("sessions")
    browser.check("sim-empty")
    browser.open(sim.url + "/", 390, 1600)
    browser.check("sim-narrow")


def main():
    SHOTS.mkdir(parents=True, exist_ok=True)
    with running(Sim(world=WORLD)) as sim, \
            running(Service(sim.url, **sim.ags_settings(), AWS_ENDPOINT_URL_SQS=sim.url,
                            PLACEMENT_EVENTS_QUEUE_URL=f"{sim.url}/000000000000/placement-events",
                            PLACEMENT_REPORT="all")) as service:
        browser = Browser()
        try:
            drive_service(browser, sim, service)
            drive_sim(browser, sim)
        finally:
            browser.driver.quit()
        browser = Browser(dark=True)
        try:
            busy(service)
            browser.open(metrics_url(service).replace("/metrics", "/"))
            browser.check("service-dark")
            browser.open(sim.url + "/")
            browser.check("sim-dark")
        finally:
            browser.driver.quit()


main()
