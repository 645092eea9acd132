"""The reader's keys in Chromium: every press counts wherever the focus is, they are changed, kept and taken along."""

import json
import re

import numpy as np
import pytest

from tests.helpers import ROOT, viewer_site

pytestmark = pytest.mark.browser

# A page with everything that may have the focus, one control in a shadow root, and commands that count their runs
PAGE = """async ({ storage }) => {
  document.body.innerHTML = `<h1>Keys</h1><button id=button>Button</button>
    <label>Slider <input id=slider type=range min=0 max=10 value=5></label>
    <label>List <select id=list><option>None<option>Normal</select></label>
    <div role=listbox tabindex=0 id=listbox aria-label=Films><div role=option>film</div></div>
    <label>Text <input id=text></label><label>Note <textarea id=note></textarea></label>
    <div id=edit contenteditable=true role=textbox aria-label=Edit></div>
    <div id=own tabindex=0 data-own-keys="ArrowDown">own</div>
    <main id=host></main>`;
  const shadow = document.getElementById("host").attachShadow({ mode: "open" });
  shadow.innerHTML = "<button id=inner>Inside</button><input id=field aria-label=Inside>";
  const [{ createKeys }, { createHelp }] = await Promise.all([import("/keys.js"), import("/help.js")]);
  window.runs = {};
  document.getElementById("button").onclick = () => { runs.button = (runs.button ?? 0) + 1; };
  const count = (name) => () => { runs[name] = (runs[name] ?? 0) + 1; };
  const command = (name, label, key, more) => ({ name, label, group: "Worklist", key, run: count(name), ...more });
  const commands = [
    command("next", "Next film", ["N", "ArrowDown"], { repeat: true }), command("invert", "Invert", "I"),
    command("reset", "Reset", "Space"), command("find", "Find", "/"), command("bracket", "Next window", "]"),
    { ...command("hide", "Hide the overlay", "H", { hold: true }),
      run: (down) => { runs.hide = (runs.hide ?? "") + (down ? "1" : "0"); } },
    command("off", "Never", "Z", { enabled: () => false }),
    command("help", "Keys", "?", { group: "Page", run: () => help.toggle() }),
    command("end", "End the tool", "Escape", { group: "Page", fixed: true }),
  ];
  window.keys?.unbind();
  window.keys = createKeys(commands, storage ? {} : { storage: null });
  const help = createHelp(shadow, keys);
  keys.bind();
  window.help = help;
  window.take = () => { const seen = runs; window.runs = {}; return seen; };
}"""


@pytest.fixture(scope="module")
def site():
    with viewer_site.serve({"film/1": viewer_site.film_message("1", np.eye(60, dtype=np.uint8))}) as url:
        yield url


def opened(visit, site, storage=False):
    visit.page.goto(site)
    visit.page.evaluate(PAGE, {"storage": storage})
    return visit.page


def test_every_press_counts_wherever_the_focus_is(visit, site):
    page = opened(visit, site)
    for _ in range(60):
        page.keyboard.press("n", delay=25)
        page.evaluate("() => new Promise((done) => setTimeout(done, 25))")
    assert page.evaluate("take()") == {"next": 60}
    for place in ("#button", "#slider", "#list", "#listbox", "#inner", "#own"):
        page.focus(place)
        for key in ("n", "i", "Shift+?", "Escape"):
            page.keyboard.press(key)
        expected = {"next": 1, "invert": 1}
        assert page.evaluate("take()") == expected, place  # Escape closed the sheet that ? had opened
        page.wait_for_function("() => !help.isOpen")
        assert page.locator(f"{place}:focus").count() == 1, "the focus is back"
    assert page.input_value("#list") == "None", "no letter went on to the list"
    for place in ("#text", "#note", "#edit", "#field"):
        page.focus(place)
        page.keyboard.type("in/] H")
        assert page.evaluate("take()") == {}, place
    assert page.input_value("#text") == page.input_value("#field") == "in/] H"


# The reader types on and goes elsewhere in the task that closes the sheet; the browser's `close` comes a task later
LEFT = """(way) => {
  const sheet = document.getElementById("host").shadowRoot.querySelector("dialog");
  document.getElementById("list").focus();
  help.open();
  const goOn = () => {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true, composed: true }));
    document.getElementById("text").focus();
  };
  window.left = new Promise((done) => sheet.addEventListener("close", () => setTimeout(done), { once: true }));
  if (way === "Escape") return sheet.addEventListener("cancel", () => queueMicrotask(goOn), { once: true });
  if (way === "help") help.close();
  else if (way === "button") sheet.querySelector(".close").click();
  else sheet.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
  goOn();
}"""


def test_no_key_and_no_focus_is_lost_as_the_sheet_closes(visit, site):
    page = opened(visit, site)
    for way in ("help", "button", "?", "Escape"):
        page.evaluate(LEFT, way)
        if way == "Escape":
            page.keyboard.press("Escape")
        seen = page.evaluate("left.then(() => [take(), document.activeElement.id])")
        assert seen == [{"next": 1}, "text"], way


def test_a_control_keeps_the_keys_it_needs_until_it_is_clicked(visit, site):
    page = opened(visit, site)
    page.locator("body").press("Tab")  # to the button
    page.keyboard.press("Space")
    assert page.evaluate("take()") == {"button": 1}
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("take()") == {} and page.input_value("#slider") == "4"
    page.click("#button")
    page.keyboard.press("Space")
    page.click("#slider")
    slider = page.input_value("#slider")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("take()") == {"button": 1, "reset": 1, "next": 1} and page.input_value("#slider") == slider
    page.focus("#listbox")
    page.keyboard.press("ArrowDown")
    page.focus("#own")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("take()") == {"next": 1}
    page.evaluate("document.getElementById('host').setAttribute('aria-modal', 'true')")
    page.locator("#inner").press("n")
    assert page.evaluate("take()") == {}, "a page behind a dialog waits"


SENT = """(events) => {
  for (const [type, init] of events) {
    const event = new KeyboardEvent(type, { bubbles: true, cancelable: true, composed: true, ...init });
    if (init.graph) Object.defineProperty(event, "getModifierState", { value: (name) => name === "AltGraph" });
    document.body.dispatchEvent(event);
  }
  return take();
}"""


def test_keys_of_other_keyboards_and_held_keys(visit, site):
    page = opened(visit, site)

    def sent(*presses):
        return page.evaluate(SENT, [["keydown", press] for press in presses])

    assert sent({"key": "n"}, {"key": "N"}, {"key": "т", "code": "KeyN"}) == {"next": 3}  # Caps Lock, Russian
    assert sent({"key": "]", "ctrlKey": True, "altKey": True, "graph": True}) == {"bracket": 1}  # AltGr on a German one
    assert sent({"key": "/", "shiftKey": True}) == {"find": 1}  # Shift and 7 there
    left = [{"ctrlKey": True}, {"metaKey": True}, {"altKey": True}, {"shiftKey": True}, {"isComposing": True}]
    assert sent(*[{"key": "n", **change} for change in left], {"key": "Shift"}, {"key": "z"}) == {}
    assert sent({"key": "n", "repeat": True}, {"key": "i"}, {"key": "i", "repeat": True}) == {"next": 1, "invert": 1}
    page.keyboard.down("h")
    page.keyboard.down("h")
    page.keyboard.press("n")
    page.keyboard.up("h")
    assert page.evaluate("take()") == {"hide": "10", "next": 1}
    page.keyboard.down("h")
    page.focus("#button")
    page.evaluate("dispatchEvent(new FocusEvent('blur'))")
    page.keyboard.up("h")
    assert page.evaluate("take()") == {"hide": "10"}, "a key is let go once, with the window or the finger"


def test_keys_are_changed_kept_and_taken_along(visit, site):
    page = opened(visit, site, storage=True)

    def rebind(*given):
        return page.evaluate("given => keys.rebind(...given)", list(given))

    assert rebind("next", "i") == {
        "code": "taken",
        "words": "“I” already belongs to “Invert”. Give that another key first.",
    }
    refused = [
        ("next", "Tab"),
        ("next", "F5"),
        ("next", "Ctrl+N"),
        ("end", "Q"),
        ("other", "Q"),
        ("next", "Escape"),
        ("next", ""),
    ]
    codes = [rebind(*given)["code"] for given in refused]
    assert codes == ["reserved", "reserved", "no key", "fixed", "unknown command", "reserved", "no key"]
    assert rebind("invert", "Q") is None and rebind("next", "i", 0) is None and rebind("next", "PageDown", 2) is None
    assert page.evaluate("keys.labelsOf('next')") == ["I", "↓", "Page Down"]
    assert rebind("reset", None) is None and page.evaluate("keys.keysOf('reset')") == []
    page.keyboard.press("i")
    page.keyboard.press("q")
    assert page.evaluate("take()") == {"next": 1, "invert": 1}
    page = opened(visit, site, storage=True)
    assert page.evaluate("keys.keysOf('invert')") == ["Q"], "kept by the browser"
    exported = page.evaluate("keys.export()")
    assert json.loads(exported)["keys"]["next"] == ["I", "ArrowDown", "PageDown"]
    page.evaluate("keys.reset()")
    assert page.evaluate("[keys.keysOf('next'), localStorage.length]") == [["N", "ArrowDown"], 0]
    assert page.evaluate("text => keys.import(text)", exported) is None
    assert page.evaluate("keys.export()") == exported

    def imported(keys, **file):
        text = json.dumps({"kind": "xraykit keys", "version": 1, "keys": keys, **file})
        return page.evaluate("text => keys.import(text)", text)["code"]

    broken = [
        {"next": "N"},
        {"next": [7]},
        {"next": ["N", "Ctrl+N"]},
        {"later": ["N"]},
        {"end": ["N"]},
        {"next": ["F5"]},
        [],
    ]
    assert [imported(keys) for keys in broken] == [
        "no file",
        "no key",
        "no key",
        "unknown command",
        "fixed",
        "reserved",
        "no file",
    ]
    assert imported({"next": ["N"], "invert": ["N"]}) == "taken" and imported({"next": list("ABCDE")}) == "too many"
    assert imported({}, version=2) == imported({}, kind="else") == "no file"
    assert [page.evaluate("text => keys.import(text).code", text) for text in ("", "[]", "7", "null")] == [
        "no file"
    ] * 4
    assert page.evaluate("keys.export()") == exported, "a file that is refused changes nothing"
    page.evaluate('localStorage.setItem(\'xk-keys\', \'{"version": 1, "keys": {"next": [5, "N"], "gone": ["I"]}}\')')
    page = opened(visit, site, storage=True)
    assert page.evaluate("[keys.keysOf('next'), keys.keysOf('invert'), keys.clashes()]") == [["N"], ["I"], []]
    page.evaluate("localStorage.clear()")


def test_the_sheet_of_keys_is_searched_changed_exported_and_left(visit, site, tmp_path, screenshots):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(visit, site)
    page.focus("#inner")
    page.keyboard.press("Shift+?")
    sheet = page.get_by_role("dialog", name="Keys")
    sheet.wait_for()
    assert page.get_by_role("searchbox").evaluate("field => field.matches(':focus')")
    page.keyboard.type("next")
    shown = page.locator(".xk-help li:visible")
    assert [text.split("\n")[0] for text in shown.all_inner_texts()] == ["Next film", "Next window"]
    page.get_by_role("searchbox").fill("")
    status = sheet.get_by_role("status")
    page.get_by_role("button", name="I: change the key of Invert").click()
    page.keyboard.press("n")
    assert status.inner_text() == "“N” already belongs to “Next film”. Give that another key first."
    page.get_by_role("button", name="I: change the key of Invert").click()
    page.keyboard.press("Control+k")
    assert "belong to the browser" in status.inner_text()
    page.get_by_role("button", name="I: change the key of Invert").click()
    page.keyboard.press("Escape")
    assert status.inner_text() == "Nothing was changed." and sheet.is_visible(), (
        "Escape left the question, not the sheet"
    )
    page.get_by_role("button", name="I: change the key of Invert").press("Enter")
    page.keyboard.press("w")
    assert status.inner_text() == "“Invert” now has the key W." and page.evaluate("take()") == {}
    assert page.get_by_role("button", name="W: change the key of Invert").evaluate("key => key.matches(':focus')")
    page.get_by_role("button", name="Arrow down: change the key of Next film").click()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Give Next film another key").click()
    page.keyboard.press("Shift+F")
    assert page.evaluate("keys.labelsOf('next')") == ["N", "Shift F"]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert file.name == "xraykit-keys.json" and json.loads(file.read_text())["keys"]["invert"] == ["W"]
    page.get_by_role("button", name="Reset all").click()
    assert page.evaluate("keys.keysOf('invert')") == ["I"]
    page.set_input_files(".xk-help input[type=file]", file)
    page.wait_for_function("() => keys.keysOf('invert')[0] === 'W'")
    file.write_text("{}")
    page.set_input_files(".xk-help input[type=file]", file)
    sheet.get_by_text("xraykit-keys.json: This is no file of keys.").wait_for()
    page.screenshot(path=screenshots / "viewer-keys.png")
    faults = [
        fault["id"] for fault in Axe().run(page).response["violations"] if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    focused = "document.getElementById('host').shadowRoot.activeElement.textContent"
    page.get_by_role("button", name="Reset all").focus()
    page.keyboard.press("Tab")
    assert page.get_by_role("searchbox").evaluate("field => field.matches(':focus')"), "Tab goes round in the sheet"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused) == "Reset all"
    page.keyboard.press("?")
    assert sheet.is_hidden() and page.evaluate(focused) == "Inside" and page.evaluate("take()") == {}
    page.keyboard.press("n")
    assert page.evaluate("take()") == {"next": 1}


def test_the_readmes_page_works_as_it_stands(visit, site):
    readme = (ROOT / "xraykit/ui/review/viewer/README.md").read_text("utf-8")
    (script,) = re.findall(r'<script type="module">\n(.*?)</script>', readme, re.DOTALL)
    script = re.sub(r'import (\{.*?\}) from "/viewer/(.*?)"', r'const \1 = await import("/\2")', script)
    visit.page.goto(site)
    visit.page.evaluate("document.body.innerHTML = '<main id=films style=\"width: 300px; height: 200px\"></main>'")
    visit.page.evaluate("async () => {" + script + "}")
    visit.page.wait_for_selector("[data-ready='1']")
    visit.page.keyboard.press("x")
    visit.page.locator("[data-mark=FLIPPED]").wait_for()
    visit.page.keyboard.press("?")
    visit.page.get_by_role("dialog", name="Keys").wait_for()
