"""What a person does with the page: page.py PART PORT [TOKEN]. The program behind it is tests/programs/kinds."""

import json
import sys
import urllib.request

from browser import Browser

part, port, *token = sys.argv[1:]
url = f"http://127.0.0.1:{port}"
CONTROLS = "a[href], button, input, select, [tabindex='0']"

PIXELS = """
const [id, tone] = arguments, canvas = document.querySelector(`#${id} canvas`);
const probe = document.body.appendChild(document.createElement("i"));
probe.style.color = `var(--${tone})`;
const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
probe.remove();
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
copy.drawImage(canvas, 0, 0);
const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
let found = 0;
for (let i = 0; i < data.length; i += 4)
    found += data[i + 3] > 200 && wanted.every((value, k) => Math.abs(value - data[i + k]) < 24);
return found;
"""

# The lowest contrast of what is written on a card, as WCAG 2 defines it.
CONTRAST = """
const luminance = text => {
    const parts = text.match(/\\d+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
};
const card = luminance(getComputedStyle(document.querySelector("#memory")).backgroundColor);
let lowest = 21;
for (const element of document.querySelectorAll("main :is(h2, h3, p, label, output, b, th, td, code)")) {
    if (!element.checkVisibility() || element.closest(":disabled")) continue;
    const own = luminance(getComputedStyle(element).color);
    lowest = Math.min(lowest, (Math.max(own, card) + .05) / (Math.min(own, card) + .05));
}
return lowest;
"""

# Whether the browser has laid the page out for a width, and each plot has followed its room (it is told after the layout).
FITTED = """
return document.documentElement.clientWidth <= arguments[0]
    && [...document.querySelectorAll(".plot")].filter(room => room.checkVisibility() && room.querySelector("canvas"))
        .every(room => Math.abs(room.querySelector("canvas").getBoundingClientRect().width - room.clientWidth) < 1);
"""


def figures():
    with urllib.request.urlopen(f"{url}/debug/figures") as answer:
        return json.load(answer)


def metric(name):
    return figures()["metrics"][name]


def pixels(browser, chart, tone):
    return browser.run(PIXELS, chart, tone)


def told(browser):
    return browser.run("return document.querySelector('#told').textContent")


def seen(browser):
    return browser.run("return document.querySelector('#memory [role=img]').getAttribute('aria-label')") or ""


def open_page(browser, fragment=""):
    browser.open(f"{url}/{fragment}")
    browser.until("the plot is drawn", lambda: pixels(browser, "memory", "held") > 20
                  if browser.run("return document.querySelector('#memory canvas') !== null") else False)


def check_width(browser, width):
    across = browser.run("return document.documentElement.scrollWidth")
    assert across <= width, f"{across} pixels are needed, there are {width}"
    small = browser.run("""return [...document.querySelectorAll("main button, main input, select")]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 23).map(e => e.outerHTML)""")
    assert not small, f"too small for a finger: {small}"


def check_names(browser):
    """Everything that can be reached with the keyboard has a name, and the keyboard reaches it."""
    shown = browser.run(f"""return [...document.querySelectorAll("{CONTROLS}")]
        .filter(e => !e.disabled && e.checkVisibility()).length""")
    reached = set()
    browser.run("document.querySelector('.skip').focus()")
    while (element := browser.run("return document.activeElement === document.body ? null : document.activeElement")):
        element = next(iter(element.values()))
        if element in reached:
            break
        reached.add(element)
        assert browser.label(element), browser.run("return document.activeElement.outerHTML")
        browser.press("Tab")
    assert len(reached) == shown, f"the keyboard reaches {len(reached)} of {shown}"
    for image in browser.all("[role=img]"):
        label = browser.label(image)
        assert "Now: " in label, label


def turn(browser):
    open_page(browser, f"#token={token[0]}")
    assert browser.run("return location.hash + location.search") == "", "the token stays in the address"
    outside = browser.run("return performance.getEntriesByType('resource').map(e => e.name)"
                          ".filter(name => !name.startsWith(location.origin + '/'))")
    assert not outside, f"asked of others: {outside}"
    browser.until("collections, a goal, a pool", lambda: all(
        word in browser.text("main") for word in ("Goal", "Collections", "Longest stop", "In pools", "buffers")))
    check_names(browser)
    assert browser.run(CONTRAST) >= 4.5, browser.run(CONTRAST)

    print("a slider, by its keys")
    assert metric("/gc/gogc:percent") == 100 and browser.value("#gogc-value") == "100 %"
    browser.run("document.querySelector('#gogc-slider').focus()")
    browser.press("Left")
    browser.until("growth is turned", lambda: metric("/gc/gogc:percent") == 75)
    browser.until("the page shows it", lambda: browser.value("#gogc-value") == "75 %")
    browser.until("it is said", lambda: told(browser) == "Growth 75 %: done.")
    assert "Growth 75 %" in browser.text("#turns")

    print("a field; the plot follows")
    assert pixels(browser, "memory", "limit") == 0 and "Limit" not in seen(browser), "there is no limit yet"
    browser.run("document.querySelector('#memlimit-value').select()")
    browser.type("#memlimit-value", "24 MiB", "Enter")
    browser.until("the limit is turned", lambda: metric("/gc/gomemlimit:bytes") == 24 << 20)
    browser.until("the line is drawn", lambda: pixels(browser, "memory", "limit") > 20)
    browser.until("it is told", lambda: "Limit 24.0 MiB" in seen(browser))
    browser.run("document.querySelector('#memlimit-value').blur()")
    browser.until("the field says it", lambda: browser.value("#memlimit-value") == "24 MiB")
    browser.until("what it did is judged", lambda: "→" in browser.text("#turns"))
    assert (errors := browser.errors()) == [], errors

    print("what makes no sense")
    browser.run("document.querySelector('#gogc-value').select()")
    browser.type("#gogc-value", "much", "Enter")
    browser.until("it is said", lambda: told(browser) == "gogc: expected a percentage or off")
    assert metric("/gc/gogc:percent") == 75
    browser.errors()  # the browser notes the status 400

    print("buttons")
    before = metric("/gc/cycles/forced:gc-cycles")
    browser.click("#collect")
    browser.until("a collection", lambda: metric("/gc/cycles/forced:gc-cycles") > before)
    before = metric("/weir/os/releases:releases")
    browser.click("#free")
    browser.until("memory goes back", lambda: metric("/weir/os/releases:releases") > before)
    browser.click("#hold")
    browser.until("it is held", lambda: browser.text("#state") == "Held still")
    still = seen(browser)
    after = figures()["time"] + 2.5
    browser.until("readings go on", lambda: figures()["time"] > after)
    assert seen(browser) == still
    browser.click("#hold")
    browser.until("it goes on", lambda: seen(browser) != still)
    browser.click("#memory .legend button")
    browser.until("a series is hidden", lambda: pixels(browser, "memory", "resident") < 20)

    print("in the dark, and on a phone")
    light = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.dark()
    browser.until("drawn in the colours of the dark", lambda: pixels(browser, "memory", "held") > 20)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != light
    assert browser.run(CONTRAST) >= 4.5, browser.run(CONTRAST)
    for width in (1280, 360, 320):
        browser.phone(width)
        browser.until("fitted", lambda width=width: browser.run(FITTED, width))
        check_width(browser, width)
    check_names(browser)
    assert (errors := browser.errors()) == [], errors


def locked(browser):
    """A program without a token: its knobs can be looked at."""
    open_page(browser)
    assert "started without a token" in browser.text("#knobs")
    assert browser.run("return [...document.querySelectorAll('.knob input, .actions button')].every(e => e.disabled)")
    check_names(browser)
    assert browser.run(CONTRAST) >= 4.5, browser.run(CONTRAST)
    assert (errors := browser.errors()) == [], errors


def unlock(browser):
    """The token is asked for; a wrong one turns nothing."""
    open_page(browser)
    assert browser.run("return document.querySelector('#gogc-slider').disabled")
    check_names(browser)
    browser.type("#token", "0" * 17, "Enter")
    browser.type("#gogc-slider", "Left")
    browser.until("it is refused", lambda: "needs the right token" in told(browser))
    assert metric("/gc/gogc:percent") == 100
    browser.until("the knob is back", lambda: browser.value("#gogc-value") == "100 %")
    browser.run("document.querySelector('#token').select()")
    browser.type("#token", token[0], "Enter")
    browser.type("#gogc-slider", "Left")
    browser.until("growth is turned", lambda: metric("/gc/gogc:percent") == 75)
    open("stop", "w").close()
    browser.until("the end is noticed", lambda: browser.text("#state") == "The process does not answer")


chromium = Browser()
try:
    globals()[part](chromium)
finally:
    chromium.close()
