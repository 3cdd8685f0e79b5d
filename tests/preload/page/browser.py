"""Headless Chromium, driven by Debian's chromedriver over WebDriver, which is JSON over HTTP (www.w3.org/TR/webdriver2)."""

import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the standard gives it
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Home": "\ue011", "Left": "\ue012", "Right": "\ue014", "Space": " "}


class Browser:
    def __init__(self, width=1280, height=900):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        self.root = f"http://127.0.0.1:{found.group(1)}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", f"--window-size={width},{height}"]
        options = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
                   "goog:loggingPrefs": {"browser": "ALL"}}
        self.root += "/" + self.call("", capabilities={"alwaysMatch": options})["sessionId"]

    def call(self, path, method="POST", **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def close(self):
        self.call("", "DELETE")
        self.driver.terminate()
        self.driver.wait()

    def open(self, url):
        self.call("/url", url=url)

    def run(self, script, *arguments):
        return self.call("/execute/sync", script=script, args=list(arguments))

    def find(self, selector):
        return self.call("/element", using="css selector", value=selector)[ELEMENT]

    def all(self, selector):
        return [found[ELEMENT] for found in self.call("/elements", using="css selector", value=selector)]

    def text(self, selector):
        return self.call(f"/element/{self.find(selector)}/text", "GET")

    def value(self, selector):
        return self.run("return document.querySelector(arguments[0]).value", selector)

    def label(self, element):
        """Its name, as a screen reader has it."""
        return self.call(f"/element/{element}/computedlabel", "GET")

    def click(self, selector):
        self.call(f"/element/{self.find(selector)}/click")

    def type(self, selector, *keys):
        self.call(f"/element/{self.find(selector)}/value", text="".join(KEYS.get(key, key) for key in keys))

    def press(self, key):
        """A key, to whatever has the focus."""
        press = [{"type": kind, "value": KEYS.get(key, key)} for kind in ("keyDown", "keyUp")]
        self.call("/actions", actions=[{"type": "key", "id": "keyboard", "actions": press}])

    def devtools(self, command, **parameters):
        return self.call("/goog/cdp/execute", cmd=command, params=parameters)

    def phone(self, width=360, height=740):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)

    def dark(self, on=True):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def errors(self):
        """What stands on the console as an error or a warning."""
        return [entry["message"] for entry in self.call("/se/log", type="browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("/screenshot", "GET")))

    def until(self, what, holds):
        """Wait as long as it takes: the test's own limit ends a hang."""
        while not (got := holds()):
            if self.driver.poll() is not None:
                raise AssertionError(f"the driver has ended: {what}")
            time.sleep(0.1)
        return got
