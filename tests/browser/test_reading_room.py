"""The reading room in Chromium, its routes answered by the test: no service, no models, made-up films."""

from __future__ import annotations

import json

import pytest

from tests.browser.conftest import eventually
from tests.browser.test_review import serious
from tests.helpers import room_site
from tests.helpers.room_site import Room, refused, row

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PRESSES = """async ([key, times, pause]) => {
  for (let press = 0; press < times; press += 1) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code: "KeyN", bubbles: true, cancelable: true }));
    await new Promise(done => setTimeout(done, pause));
  }
}"""


@pytest.fixture
def enter(visit):
    def enter(rows, **state) -> Room:
        room = Room(rows, **state)
        room.open(visit.page)
        return room

    return enter


def of_room(visit, name: str) -> str | None:
    return visit.page.locator(".room").get_attribute(f"data-{name}")


def drawn(visit) -> str | None:
    """The film that every pane shows; None while they do not."""
    ids = set((visit.page.locator(".viewer").get_attribute("data-ready") or "").split())
    return ids.pop() if len(ids) == 1 else None


def settle(visit, film: str) -> None:
    eventually(lambda: (of_room(visit, "current"), drawn(visit)), (film, film))


SCREENS = [(1280, 720, 11), pytest.param(1920, 1080, 11, marks=pytest.mark.slow), (3840, 2160, 14.5)]


def press(visit, *keys: str) -> None:
    for key in keys:
        visit.page.keyboard.press(key)


@pytest.mark.slow
def test_sixty_presses_move_sixty_films_and_the_list_follows(visit, enter):
    enter([row(number) for number in range(10_000)])
    settle(visit, "f0")
    visit.page.evaluate(PRESSES, ["n", 60, 50])
    settle(visit, "f60")
    chosen = visit.page.locator(".row[aria-selected=true]")
    assert chosen.count() == 1 and "film-00060" in chosen.get_attribute("id") + chosen.inner_text()
    listbox = visit.page.locator("[role=listbox]")
    assert listbox.get_attribute("aria-activedescendant") == "film-f60"
    box, inner = listbox.bounding_box(), chosen.bounding_box()
    assert box["y"] <= inner["y"] and inner["y"] + inner["height"] <= box["y"] + box["height"], "the list follows"
    assert visit.page.locator(".row").count() < 60, "rows out of sight are not there"
    press(visit, "End")
    settle(visit, "f9999")
    press(visit, "Home", "ArrowDown", "p")
    settle(visit, "f0")


def test_the_list_is_filtered_and_sorted_and_says_what_it_hides(visit, enter):
    enter([row(number) for number in range(12)] + [refused(90)])
    settle(visit, "f0")
    names = lambda: [name.replace("\n", "") for name in visit.page.locator(".row .name").all_inner_texts()]  # noqa: E731
    assert "1 of 13 films" in visit.page.locator(".side-foot").inner_text()
    visit.page.get_by_role("button", name="Sort").click()
    visit.page.get_by_role("menuitemradio", name="Disagreement").click()
    eventually(lambda: names()[0], "film-00001.dcm")
    visit.page.get_by_role("button", name="Filter", exact=True).click()
    visit.page.get_by_role("button", name="Refused", exact=True).click()
    eventually(lambda: "notes.txt" in names() and len(names()), 2)  # and the film that is looked at
    visit.page.get_by_role("button", name="Show all films").click()
    visit.page.get_by_label("Predicted").select_option("Viral Pneumonia")
    eventually(lambda: len(names()) < 10)
    press(visit, "Escape", "/")
    visit.page.keyboard.type("00005")
    eventually(names, ["film-00005.dcm", "film-00000.dcm"])
    visit.page.get_by_role("button", name="1 refused").click()
    table = visit.page.locator("dialog table").inner_text()
    assert room_site.WORDS in table and "not-a-film" in table


def test_blind_mode_shows_nothing_of_the_models_before_an_impression(visit, enter):
    reading = {"keep": False, "title": "", "name": None, "blind": True, "classes": room_site.CLASSES}
    room = enter([row(number) for number in range(3)], reading=reading)
    settle(visit, "f0")
    hidden = visit.page.locator(".findings").inner_text() + visit.page.locator(".row").first.inner_text()
    assert "0.80" not in hidden and "predicts" not in hidden and of_room(visit, "laid") == "0"
    assert not [path for _, path in room.asked if path.startswith("heat/")], "no heatmap is even fetched"
    press(visit, "1")
    visit.page.locator(".findings").get_by_text("predicts").first.wait_for()
    eventually(lambda: of_room(visit, "laid"), "2")
    body = eventually(lambda: [body for kind, name, body in room.bodies if (kind, name) == ("impression", "f0")])[0]
    assert body["finding"] == "COVID-19" and body["blind"] is True
    press(visit, "n")
    settle(visit, "f1")
    assert "predicts" not in visit.page.locator(".findings").inner_text()
    room.change(row(2, name="Viral Pneumonia/scan.dcm"))
    visit.page.locator(".row", has_text="scan.dcm").wait_for()
    assert "Viral" not in visit.page.locator(".list").inner_text(), "a folder may be named after the finding"


def test_a_reload_brings_the_view_back_and_adopts_the_films(visit, enter):
    room = enter([row(number) for number in range(5)])
    settle(visit, "f0")
    press(visit, "n", "n", "i", "g")
    settle(visit, "f2")
    eventually(lambda: visit.page.evaluate("sessionStorage.getItem('xk-room-view')").count('"invert":true'))
    panes = visit.page.locator(".pane-head").count()
    room.open(visit.page, key="n" * 32)
    settle(visit, "f2")
    assert ("POST", "adopt") in room.asked and visit.page.locator(".pane-head").count() == panes
    assert json.loads(visit.page.locator(".viewer").get_attribute("data-view"))["invert"] is True
    gone = Room([])
    gone.answers["adopt"] = (404, {"code": "gone", "words": "The films of this tab are gone."})
    visit.page.goto(f"{room_site.ADDRESS}/elsewhere")
    visit.page.unroute_all()
    gone.open(visit.page, key="o" * 32)
    visit.page.get_by_text("The films of this tab are gone.").wait_for()


def test_a_server_that_was_started_again_gives_a_fresh_room(visit, enter):
    room = enter([row(0)])
    settle(visit, "f0")
    room.rows.clear()
    room.answers["adopt"] = (404, {"code": "gone", "words": "The films of this tab are gone."})
    visit.page.evaluate("() => { xkMount({ key: 'another' }) }")
    visit.page.get_by_text("The films of this tab are gone.").wait_for()
    eventually(lambda: (of_room(visit, "state"), of_room(visit, "films")), ("open", "0"))
    room.change(row(1))
    settle(visit, "f1")
    assert visit.page.locator(".side-head h2").count() == 1, "nothing stands there twice"


def test_what_is_wrong_is_said_and_names_are_text(visit, enter):
    name = "<img src=x onerror=alert(1)><b>" + "long" * 40 + ".dcm"
    broken = [{"name": "stranger", "code": "hash-mismatch", "words": "Expected the files of the card; got others."}]
    warned = row(0, name=name, warnings=["This is a colour photograph."], notes=["12 bits stored of 16."], same_as="f1")
    room = enter([warned, row(1)], broken=broken)
    settle(visit, "f0")
    page = visit.page
    assert page.locator(".room img[src=x]").count() == 0 and page.locator(".room b", has_text="long").count() == 0
    findings = page.locator(".findings").inner_text()
    assert (
        "colour photograph" in findings and "12 bits stored" in findings and "stranger could not be loaded" in findings
    )
    assert (
        "90 % prediction set: COVID-19 or Normal\n" in findings and "90 % prediction set: empty. No class" in findings
    )
    assert "On kermany 24.0 % (21.0–27.0) of 1,176 sets hold the true class: they promise nothing there." in findings
    assert "Same film as film-00001.dcm" in page.locator(".row").first.inner_text()
    assert page.locator(".warnings p").evaluate("e => getComputedStyle(e).fontSize") >= "14px"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a long name widens nothing"
    room.answers["open"] = (400, {"code": "no-path", "words": "Enter the path of a film or a folder."})
    page.get_by_role("button", name="Open films").click()
    page.locator(".sheet form button[type=submit]").click()
    page.locator(".sheet").get_by_text("Enter the path of a film").wait_for()
    press(visit, "Escape")
    room.answers["films"] = (413, {"code": "file-too-large", "words": "big.dcm has more than 50 MiB."})
    page.locator(".room > input[type=file]").first.set_input_files({"name": "big.dcm", "mimeType": "", "buffer": b"x"})
    page.locator(".row.refused", has_text="big.dcm has more than 50 MiB.").wait_for()
    assert "Traceback" not in page.inner_text("main")


def test_without_a_model_films_are_shown_and_what_to_do_is_said(visit, enter):
    enter([row(0, models={})], models=[])
    settle(visit, "f0")
    assert "python -m xraykit train" in visit.page.locator(".findings").inner_text()
    assert visit.page.locator(".pane-head").count() == 1


def test_films_that_are_still_read_show_progress_and_can_be_stopped(visit, enter):
    room = enter([row(0), *(row(number, state="waiting", models={}) for number in range(1, 8))])
    settle(visit, "f0")
    foot = visit.page.locator(".side-foot")
    foot.get_by_text("about 40 s left").wait_for()
    foot.get_by_role("button", name="Stop").click()
    eventually(lambda: ("POST", "stop") in room.asked)
    room.change(*(row(number) for number in range(1, 8)))
    foot.locator(".progress").wait_for(state="hidden")
    press(visit, "n")
    settle(visit, "f1")


def test_a_prior_of_the_same_patient_lies_beside_the_film(visit, enter):
    old, new = row(0, patient=1, taken=10.0), row(1, patient=1, taken=224.0)
    enter([old, new])
    settle(visit, "f0")
    press(visit, "n")
    visit.page.get_by_role("button", name="Prior, 214 days earlier").wait_for()
    eventually(lambda: visit.page.locator(".viewer").get_attribute("data-ready"), "f0 f1 f1")
    press(visit, "Shift+P")
    settle(visit, "f1")


def test_every_size_holds_the_room_and_axe_finds_no_serious_fault(visit, enter):
    from axe_playwright_python.sync_playwright import Axe

    enter([row(number, warnings=["A lateral film."] * (number % 2)) for number in range(30)] + [refused(40)])
    settle(visit, "f0")
    press(visit, "n")
    settle(visit, "f1")
    faults = serious(Axe().run(visit.page))
    for width, height in ((1024, 768), (960, 600), (1920, 1080), (3840, 2160)):
        visit.page.set_viewport_size({"width": width, "height": height})
        settle(visit, "f1")
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        viewport = visit.page.locator(".viewport").bounding_box()
        assert viewport["width"] > 0.5 * width * 0.9 and viewport["height"] > 0.6 * height, (width, viewport)
    visit.page.set_viewport_size({"width": 1024, "height": 768})
    visit.page.get_by_role("button", name="Overlay", exact=True).click()
    faults += serious(Axe().run(visit.page))
    assert faults == []


UNREAD = {name: {"words": "Not read. Upside down."} for name in ("alpha", "beta")}
PASSED = {"state": "passed", "code": "", "title": "Frontal chest film", "turn": 0}


def of_gate(**changes):
    words = {"code": "film-turned", "title": "Upside down", "words": "Upside down. Turn it by 180° before it is read."}
    laid = {"turn": 0, "inverted": False}
    return {"state": "refused", **words, "turn": 180, "inverted": False, "laid": laid} | changes


def test_a_film_that_the_gate_refused_is_shown_with_one_click_to_turn_it(visit, enter):
    room = enter([row(0, gate=of_gate(), models=UNREAD), row(1)])
    settle(visit, "f0")
    box = visit.page.locator(".gate")
    assert box.get_attribute("data-gate") == "stopped" and "Upside down" in box.inner_text()
    assert visit.page.locator("#film-f0 .summary.bad").inner_text() == "Upside down"
    eventually(visit.page.locator(".findings .model").count, 0)
    visit.page.get_by_role("button", name="1 refused").click()
    assert "film-turned" in visit.page.locator("dialog[open]").inner_text()
    visit.page.keyboard.press("Escape")
    room.answers["gate/f0"] = (200, {})
    fetched = room.asked.count(("GET", "film/f0"))
    box.get_by_role("button", name="Turn it by 180°").click()
    eventually(lambda: room.asked.count(("GET", "film/f0")) > fetched)
    room.change(row(0, gate=of_gate(**PASSED, laid={"turn": 180, "inverted": False})))
    eventually(lambda: box.get_attribute("data-gate"), "laid")
    assert box.locator("h3").inner_text() == "Turned by 180°"
    eventually(visit.page.locator(".findings .model").count, 2)
    room.change(row(1, gate=of_gate(state="overridden", turn=0, code="not-a-chest-film", title="Not a chest film")))
    press(visit, "n")
    settle(visit, "f1")
    eventually(lambda: box.get_attribute("data-gate"), "overridden")
    assert of_room(visit, "warned") == "true"


def test_a_refused_film_is_turned_read_anyway_and_put_back_by_keys_alone(visit, enter):
    room = enter([row(0, gate=of_gate(), models=UNREAD), row(1)])
    settle(visit, "f0")
    room.answers["gate/f0"] = (200, {})
    taken = lambda: [body["take"] for kind, _, body in room.bodies if kind == "gate"]  # noqa: E731
    visit.page.locator(".gate").get_by_role("button", name="Turn it by 180°").wait_for()
    room.answers.pop("gate/f0")
    press(visit, "Shift+G")
    eventually(taken, ["turn"])
    room.change(row(0, gate=of_gate(**PASSED, laid={"turn": 180, "inverted": False})))
    visit.page.locator(".gate[data-gate=laid]").wait_for()
    press(visit, "Shift+G", "Shift+Y", "Shift+Z")  # nothing is left to turn, nor refused
    eventually(taken, ["turn", "as-it-is"])
    room.change(row(0, gate=of_gate(turn=0), models=UNREAD))
    visit.page.locator(".gate[data-gate=stopped]").wait_for()
    press(visit, "Shift+G", "Shift+Y")
    eventually(taken, ["turn", "as-it-is", "read"])
    room.change(row(0, gate=of_gate(state="overridden", turn=0)))
    visit.page.locator(".gate[data-gate=overridden]").wait_for()
    assert (
        visit.page.locator(".gate").inner_text().splitlines()[-1] == "Undo"
        and visit.page.locator(".gate button").count() == 1
    )
    press(visit, "n", "Shift+Y", "Shift+Z")
    settle(visit, "f1")
    assert taken() == ["turn", "as-it-is", "read"], "a film that the gate let pass has none of these"


def test_the_toolbar_offers_what_the_film_in_sight_can_have(visit, enter):
    enter([row(0, gate=of_gate(), models=UNREAD), row(1), refused(2)])
    settle(visit, "f0")
    bar, page = visit.page.locator(".bar"), visit.page
    panes = bar.get_by_role("button", name="Panes")
    heatmap = bar.get_by_role("button", name="Heatmap")
    words = page.locator(".word span")

    def offered(film: str) -> tuple:
        eventually(lambda: of_room(visit, "current"), film)
        label = panes.locator(".label").inner_text()
        return label, page.locator(".pane-head").count(), heatmap.get_attribute("aria-disabled")

    eventually(lambda: offered("f0"), ("1 pane", 1, "true"))
    assert "upside down" in heatmap.get_attribute("title") and page.locator(".labels button").count() == 0
    heatmap.click(force=True)  # a mouse presses it all the same
    assert "upside down" in words.inner_text()
    bar.get_by_role("button", name="Overlay").click()
    assert "upside down" in page.locator(".sheet:popover-open .why").inner_text()
    press(visit, "Escape")
    panes.click()
    assert "upside down" in page.locator(".sheet:popover-open .why").inner_text()
    layouts = page.locator(".sheet:popover-open").get_by_role("menuitemradio")
    assert [layout.get_attribute("aria-disabled") for layout in layouts.all()[:3]] == [None, "true", "true"]
    press(visit, "Escape", "n")
    eventually(lambda: offered("f1"), ("3 panes", 3, None))
    page.locator(".row").nth(2).click()  # keys pass over a file that is no film
    eventually(lambda: offered("f2"), ("1 pane", 1, "true"))


@pytest.mark.parametrize(("width", "height", "least"), SCREENS)
def test_letters_grow_with_a_very_wide_screen_and_nothing_leaves_it(visit, enter, width, height, least):
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    enter([row(number) for number in range(200)])
    settle(visit, "f0")
    seen = """(least) => [...document.querySelector("main > div").shadowRoot.querySelectorAll(".room *")]
      .filter(part => [...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
      .filter(part => part.checkVisibility() && part.getBoundingClientRect().width > 2)
      .filter(part => parseFloat(getComputedStyle(part).fontSize) * (part.currentCSSZoom || 1) < least)
      .map(part => `${part.className} ${part.textContent.slice(0, 30)}`)"""
    assert page.evaluate(seen, least) == []
    inside = {"width": width, "height": height}

    def lies_inside(box) -> bool:
        return all(
            box[at] >= 0 and box[at] + box[side] <= inside[side] for at, side in (("x", "width"), ("y", "height"))
        )

    for name in ("Window", "Overlay", "Panes"):
        button = page.locator(".bar").get_by_role("button", name=name)
        button.click()
        sheet, at = page.locator(".sheet:popover-open").bounding_box(), button.bounding_box()
        assert lies_inside(sheet) and abs(sheet["x"] - at["x"]) < 3 and abs(sheet["y"] - at["y"] - at["height"]) < 12
        press(visit, "Escape")
    for key, film in (("End", "f199"), ("Home", "f0")):
        press(visit, key)
        settle(visit, film)
        box, chosen = page.locator(".list").bounding_box(), page.locator(".row[aria-selected=true]").bounding_box()
        assert box["y"] - 1 <= chosen["y"] and chosen["y"] + chosen["height"] <= box["y"] + box["height"] + 1
    for part in (".films", ".panel", ".middle > .bar", ".reader", ".side-foot"):
        assert lies_inside(page.locator(part).bounding_box()), part


def test_two_heatmaps_in_a_pane_ask_for_two_models_and_a_prior_for_one_that_is_known(visit, enter):
    enter([row(0), row(1)])
    settle(visit, "f0")
    visit.page.locator(".pill").nth(1).click()
    visit.page.locator(".bar").get_by_role("button", name="Overlay").click()
    modes = visit.page.get_by_role("group", name="Two models").get_by_role("button")
    assert [mode.get_attribute("aria-disabled") for mode in modes.all()] == [None, "true", "true"]
    assert "two models" in modes.nth(1).get_attribute("title")
    modes.nth(1).click(force=True)
    assert modes.nth(1).get_attribute("aria-pressed") == "false"
    press(visit, "Escape", "Shift+P")
    visit.page.locator(".word", has_text="No earlier film of this patient is open").wait_for()


def test_a_film_that_no_model_read_has_one_pane_that_says_why(visit, enter):
    room = enter([row(0, gate=of_gate(), models=UNREAD), row(1)])
    settle(visit, "f0")
    detail = visit.page.locator(".pane-head .detail")
    eventually(detail.count, 1)
    assert detail.locator(".words").inner_text() == "Not read: upside down", "read aloud"
    assert detail.get_attribute("title") == "Not read: upside down"
    assert visit.page.locator(".xk-corners p", has_text="Not read").count() == 1, "the full screen has no heads"
    visit.page.locator(".gate").get_by_role("button", name="Read it anyway").wait_for()
    press(visit, "n")
    settle(visit, "f1")
    eventually(detail.count, 3)
    room.change(row(0, gate=of_gate(state="overridden")))
    press(visit, "p")
    settle(visit, "f0")
    eventually(detail.count, 3)


def test_models_are_told_apart_by_what_their_titles_do_not_share(visit, enter):
    titles = {"alpha": "MobileNetV2, pretrained on ImageNet", "beta": "MobileNetV2, from scratch"}
    room = Room([row(0), row(1)])
    for model in room.state["models"]:
        model["title"] = titles[model["name"]]
    room.open(visit.page)
    settle(visit, "f0")
    pills = visit.page.locator(".pill")
    assert pills.all_inner_texts() == ["Pretrained on ImageNet", "From scratch"]
    assert [pill.get_attribute("aria-label") for pill in pills.all()] == list(titles.values())
    cut = "parts => parts.filter(part => part.scrollWidth > part.clientWidth).map(part => part.textContent)"
    assert visit.page.locator(".pill span, .pane-title .shortened span").evaluate_all(cut) == []
    assert visit.page.locator(".pane-title").all_inner_texts()[1:] == ["Pretrained on ImageNet", "From scratch"]


def test_every_command_has_a_key_of_its_own_and_every_menu_opens_by_one(visit, enter):
    enter([row(0), row(1)])
    settle(visit, "f0")
    press(visit, "?")
    sheet = visit.page.locator("dialog[open]")
    assert sheet.locator("[data-first]").evaluate_all("none => none.map(button => button.ariaLabel)") == []
    assert "Read it anyway" in sheet.inner_text()
    press(visit, "Escape")
    sheet.wait_for(state="detached")
    for key, name in (("\\", "Window"), (":", "Overlay"), ("|", "Panes")):
        press(visit, key)
        menu = visit.page.get_by_role("dialog", name=name)
        menu.wait_for()
        press(visit, "Escape")
        menu.wait_for(state="hidden")
    visit.page.locator(".row").first.click()
    press(visit, "Shift+K")
    for on in ("false", "true"):
        press(visit, "Space")  # a click before does not take it for the reset, and the focus stays
        eventually(lambda on=on: visit.page.locator(".pill").first.get_attribute("aria-pressed") == on)


CLOSED_AND_PRESSED = """([close, key]) => {
  const root = document.querySelector("main > div").shadowRoot;
  const focused = root.activeElement;
  root.querySelector(close).click();
  const event = { key, code: "Backslash", bubbles: true, composed: true, cancelable: true };
  focused.dispatchEvent(new KeyboardEvent("keydown", event));
}"""


@pytest.mark.parametrize(
    ("key", "field", "close"),
    [("?", "Find a command or a key", "dialog[open] .close"), ("/", "Filter by name", ".tool[aria-label=Films]")],
)
def test_a_key_pressed_before_what_was_closed_is_gone_is_the_readers(visit, enter, key, field, close):
    """A browser takes the focus from what is no longer drawn only as it draws the next frame."""
    enter([row(0), row(1)])
    settle(visit, "f0")
    press(visit, key)
    visit.page.get_by_label(field).wait_for()
    visit.page.get_by_label(field).focus()
    visit.page.evaluate(CLOSED_AND_PRESSED, [close, "\\"])
    visit.page.get_by_role("dialog", name="Window").wait_for()


KEYS_AND_BACK = """async () => {
  const folder = "/_stcore/bidi-components/xraykit.";
  const { commandsOf } = await import(`${folder}room/kit/commands.js`);
  const { createKeys } = await import(`${folder}viewer/keys.js`);
  const keys = createKeys(commandsOf({ store: {} }), { storage: null });
  return keys.import(keys.export());
}"""


def test_a_file_of_the_rooms_keys_can_be_imported_again(visit, enter):
    enter([row(0)])
    assert visit.page.evaluate(KEYS_AND_BACK) is None
