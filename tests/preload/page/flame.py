"""What a person does with a flame graph of `weir report --svg`: page/flame.py FILE FUNCTION SCREENSHOT. In the graph
other boxes stand beside the box of FUNCTION."""

import sys
from pathlib import Path

from browser import Browser

WIDTH = 1200

# Of each box: its name, where it is, how wide, whether it is seen, and what is written on it.
BOXES = """return [...document.querySelectorAll('.box')].map(box => ({
    title: box.querySelector('title').textContent, text: box.querySelector('text').textContent,
    x: +box.querySelector('rect').getAttribute('x'), width: +box.querySelector('rect').getAttribute('width'),
    y: +box.querySelector('rect').getAttribute('y'), seen: getComputedStyle(box).display !== 'none'}))"""


def near(a, b):
    return abs(a - b) < 0.01


def check_layout(boxes):
    """What is seen lies in the picture, side by side in its row, and no text is wider than its box."""
    seen = [box for box in boxes if box["seen"]]
    for box in seen:
        assert -0.01 <= box["x"] and box["x"] + box["width"] <= WIDTH + 0.01, box
        assert not box["text"] or len(box["text"]) * 7.3 <= box["width"], box
        assert box["text"].rstrip(".") in box["title"], box
    for row in {box["y"] for box in seen}:
        boxes_of_row = sorted((box for box in seen if box["y"] == row), key=lambda box: box["x"])
        for left, right in zip(boxes_of_row, boxes_of_row[1:]):
            assert left["x"] + left["width"] <= right["x"] + 0.01, (left, right)


def box_of(boxes, function):
    return next(number for number, box in enumerate(boxes) if box["title"].startswith(function))


def click(browser, number):
    """As a mouse does: in the middle of the box."""
    element = browser.all(".box")[number]
    browser.call(f"/element/{element}/click")


def check_widened(before, after, number):
    chosen = before[number]
    assert near(after[number]["width"], WIDTH) and near(after[number]["x"], 0), after[number]
    for old, new in zip(before, after):
        above = old["y"] < chosen["y"] and old["x"] <= chosen["x"] + 0.01 and \
            old["x"] + old["width"] >= chosen["x"] + chosen["width"] - 0.01
        inside = old["y"] >= chosen["y"] and old["x"] >= chosen["x"] - 0.01 and \
            old["x"] + old["width"] <= chosen["x"] + chosen["width"] + 0.01
        assert new["seen"] == (above or inside), (old, new)
        assert not above or near(new["width"], WIDTH), new
        assert above or not inside or near(new["width"], old["width"] * WIDTH / chosen["width"]), (old, new)


def visit(browser, file, function, picture):
    browser.open(Path(file).resolve().as_uri())
    whole = browser.run(BOXES)
    check_layout(whole)
    assert all(box["seen"] for box in whole) and near(whole[0]["width"], WIDTH), whole[0]
    number = box_of(whole, function)
    assert any(near(box["y"], whole[number]["y"]) for other, box in enumerate(whole) if other != number)
    browser.picture(picture)

    click(browser, number)
    widened = browser.run(BOXES)
    check_widened(whole, widened, number)
    check_layout(widened)
    click(browser, 0)
    assert browser.run(BOXES) == whole, "a click on the top box does not show all"

    browser.run("document.querySelectorAll('.box')[arguments[0]].focus()", number)
    browser.press("Enter")
    assert browser.run(BOXES) == widened, "Enter is not as a click"
    browser.press("Escape")
    assert browser.run(BOXES) == whole, "Escape does not show all"
    assert browser.run("return performance.getEntriesByType('resource').length") == 0, "it loads something"
    assert browser.errors() == [], browser.errors()

    # And without scripts: the same boxes and texts.
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("/refresh")
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    texts = {box["title"]: box["text"] for box in browser.run(BOXES)}
    assert texts == {box["title"]: box["text"] for box in whole}, "texts differ without a script"


def main():
    browser = Browser()
    try:
        visit(browser, *sys.argv[1:])
    finally:
        browser.close()


if __name__ == "__main__":
    main()
