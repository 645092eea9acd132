"""The viewer's tools in Chromium: measuring, marks, the texts around a film, keys and their sheet."""

import math

import numpy as np
import pytest

from tests.browser.conftest import HANG
from tests.helpers import viewer_site

pytestmark = pytest.mark.browser

TOOLS = """async () => {
  const names = ["measure", "marks", "corners", "keys", "help"];
  const [measure, marks, corners, keys, help] = await Promise.all(names.map((name) => import(`/${name}.js`)));
  const changes = [];
  const note = (film, list) => changes.push([film, list]);
  const tools = {
    changes, measuring: measure.addMeasuring(viewer, { onChange: note }),
    marking: marks.addMarks(viewer, { onChange: note }), corners: corners.addCorners(viewer),
  };
  window.tools?.keys.unbind();
  tools.keys = keys.createKeys(() => [...viewer.commands, ...tools.measuring.commands, ...tools.marking.commands,
    { name: "end", label: "End the tool", key: "Escape", fixed: true, run: () => { viewer.tool = null; } }],
    { storage: null });
  tools.keys.bind();
  window.tools = tools;
}"""
DRAWN = """() => new Promise((done) => {
  const stop = viewer.onDraw(() => { stop(); done(); });
  viewer.redraw();
})"""
SPACING = {"row": 0.2, "column": 0.1, "kind": "patient"}
UPRIGHT = {"left": "R", "top": "H", "right": "L", "bottom": "F"}


def gradient(height=400, width=600) -> np.ndarray:
    """uint16 (height, width): each pixel its column plus a thousand times its row's hundreds."""
    rows, columns = np.mgrid[0:height, 0:width]
    return (columns + 1000 * (rows // 100)).astype(np.uint16)


HEAT = viewer_site.heat_message("heat", np.full((4, 4), 0.5, np.float32), (0, 0, 600, 400), model="MobileNetV2")
FILMS = {
    "patient": viewer_site.film_message("patient", gradient(), spacing=SPACING, orientation=UPRIGHT, view="PA"),
    "detector": viewer_site.film_message("detector", gradient(), spacing={**SPACING, "kind": "detector"}, view="AP"),
    "bare": viewer_site.film_message("bare", gradient(), slope=2, intercept=-100, units="HU"),
    "heat": HEAT,
}


@pytest.fixture(scope="module")
def site():
    with viewer_site.serve(FILMS) as url:
        yield url


class Hands:
    """A mouse that is led by film pixels."""

    def __init__(self, page, url: str, film: str, **options) -> None:
        self.page = page
        options = {"width": 400, "height": 300, **options}  # small: Chromium draws on the processor here
        viewer_site.open_viewer(page, url, [{"film": film, **options.pop("pane", {})}], **options)
        page.evaluate(TOOLS)
        self.drawn()

    def drawn(self) -> None:
        self.page.evaluate(DRAWN)

    def at(self, x: float, y: float) -> tuple[float, float]:
        place = self.page.evaluate("([x, y]) => viewer.toPane(0, x, y)", [x, y])
        return place["x"], place["y"]

    def drag(self, start, end) -> None:
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=3)
        self.page.mouse.up()
        self.drawn()

    def click(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.at(x, y))
        self.page.mouse.down()
        self.page.mouse.up()
        self.drawn()

    def use(self, tool: str) -> None:
        self.page.evaluate("name => { viewer.tool = name }", tool)

    def words(self) -> str:
        self.drawn()
        return self.page.evaluate("viewer.panes[0].element.dataset.measured ?? ''")

    def measured(self, film="patient") -> list[dict]:
        return self.page.evaluate("film => tools.measuring.get(film)", film)

    def clear(self, film="patient") -> None:
        self.page.evaluate("film => tools.measuring.clear(film)", film)

    def view(self, **changes) -> None:
        self.page.evaluate("changes => { viewer.reset(); viewer.set(changes) }", changes)
        self.drawn()


def test_lengths_angles_and_ratios_are_those_computed_by_hand(visit, site):
    visit.page.goto(site)
    read = visit.page.evaluate(
        """async () => {
      const g = await import("/tools/geometry.js"), r = await import("/tools/readings.js");
      const p = (x, y) => ({ x, y });
      const tall = { row: 0.2, column: 0.1, kind: "patient" };
      return {
        px: g.distance(p(0, 0), p(30, 40)), mm: g.distance(p(5, 5), p(35, 45), tall),
        right: g.cornerAngle(p(10, 0), p(0, 0), p(0, 10)), same: g.cornerAngle(p(1, 1), p(0, 0), p(2, 2)),
        half: g.cornerAngle(p(10, 0), p(0, 0), p(10, 10)), tall: g.cornerAngle(p(10, 0), p(0, 0), p(10, 10), tall),
        none: g.cornerAngle(p(0, 0), p(0, 0), p(10, 10)), flat: g.cornerAngle(p(-1, 0), p(0, 0), p(1, 0)),
        cobb: [[p(0, 0), p(10, 0)], [p(10, 0), p(0, 0)]].map((line) => g.lineAngle(line, [p(0, 0), p(10, 10)], tall)),
        ratio: g.cardiothoracicRatio([p(10, 0), p(60, 9)], [p(0, 0), p(100, 7)], "x"),
        across: g.cardiothoracicRatio([p(3, 10), p(9, 40)], [p(1, 0), p(2, 120)], "y"),
        nothing: g.cardiothoracicRatio([p(0, 0), p(1, 1)], [p(5, 0), p(5, 9)], "x"),
        spacings: [null, [0.1, 0.2, "detector"], { row: 0, column: 1, kind: "patient" }, tall].map(
          (spacing) => g.spacingOf({ spacing })),
        round: [0.9, 1, 4.9, 7, 23, 99, 0.03].map(g.roundLength),
        words: [r.lengthWords({ px: 12.4, mm: null }, null), r.lengthWords({ px: 1, mm: 12.34 }, tall),
          r.lengthWords({ px: 1, mm: 12.34 }, { ...tall, kind: "detector" }), r.number(-0.04, 1), r.number(-1.25, 1),
          r.angleWords(null)],
        probe: [{ stored: 7, value: 7, units: null, heats: [0.256, null] }, { stored: 4, value: -92.5, units: "HU" },
          { stored: [1, 2, 3], value: [1, 2, 3], units: null }, null].map((pixel) => r.probeLines(pixel, p(3.9, 2.1))),
      };
    }"""
    )
    assert read["px"] == {"px": 50, "mm": None}
    assert read["mm"]["mm"] == pytest.approx(math.hypot(3, 8)) and read["mm"]["px"] == 50
    assert [read["right"], read["same"], read["flat"], read["none"]] == [90, 0, 180, None]
    assert read["half"] == pytest.approx(45) and read["tall"] == pytest.approx(math.degrees(math.atan(2)))
    assert read["cobb"] == pytest.approx([math.degrees(math.atan(2))] * 2)
    assert [read["ratio"], read["across"], read["nothing"]] == [0.5, 0.25, None]
    assert read["spacings"] == [None, {"row": 0.1, "column": 0.2, "kind": "detector"}, None, SPACING]
    assert read["round"] == pytest.approx([0.5, 1, 2, 5, 20, 50, 0.02])
    assert read["words"] == ["12 px", "12.3 mm", "12.3 mm at detector", "0.0", "−1.3", ""]
    assert read["probe"] == [
        ["Value 7", "Heatmap 0.26", "column 3, row 2"],
        ["Value −92.5 HU (stored 4)", "column 3, row 2"],
        ["R G B 1 2 3", "column 3, row 2"],
        ["outside the film"],
    ]


VIEWS = [
    {},
    {"rotation": 90},
    {"rotation": 270, "flipped": True},
    {"rotation": 180, "zoom": 1.7, "x": 0.45, "y": 0.55},
    {"flipped": True, "zoom": 2.5, "x": 0.5, "y": 0.4},
]


def test_a_measurement_is_the_same_however_the_film_is_turned_flipped_and_zoomed(visit, site):
    hands = Hands(visit.page, site, "patient")
    for view in VIEWS:
        hands.view(**view)
        hands.use("ruler")
        hands.drag((270, 120), (330, 200))  # 60 columns of 0.1 mm, 80 rows of 0.2 mm: 6 and 16 mm
        (ruler,) = hands.measured()
        assert np.allclose(ruler["points"], [[270, 120], [330, 200]], atol=2), view
        millimetres = float(hands.words().removesuffix(" mm"))
        assert millimetres == pytest.approx(math.hypot(6, 16), abs=0.5), view
        hands.clear()
        hands.use("angle")
        hands.drag((330, 160), (270, 160))
        hands.click(270, 200)
        assert hands.words() == "90.0°", view
        hands.clear()
        hands.use("ratio")
        turned = view.get("rotation", 0) % 180 != 0
        hands.drag((280, 150), (300, 190))
        hands.drag((250, 140), (330, 220))
        heart, thorax = (40, 80) if turned else (20, 80)
        (ratio,) = hands.measured()
        assert ratio["axis"] == ("y" if turned else "x") and f"CTR {heart / thorax:.2f}" in hands.words(), view
        hands.clear()


def test_measuring_needs_no_mouse(visit, site):
    hands = Hands(visit.page, site, "patient")
    press = visit.page.keyboard.press
    focused = "document.activeElement.ariaLabel"
    press("m")
    press("Shift+Space")
    hands.drawn()
    (ruler,) = hands.measured()
    (x, y), (right, below) = ruler["points"]
    assert y == below and right > x and visit.page.evaluate(focused) == "Ruler, point 1 of 2: arrow keys move it"
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Tab", "Shift+ArrowLeft"):
        press(key)
    assert visit.page.evaluate(focused) == "Ruler, point 2 of 2: arrow keys move it"
    (ruler,) = hands.measured()
    assert np.allclose(ruler["points"], [[x + 2, y + 10], [right - 10, below]])
    said = visit.page.locator("#root").get_by_role("status").inner_text()
    assert said == hands.words() and said.endswith(" mm")
    assert visit.page.evaluate("tools.changes.at(-1)") == ["patient", hands.measured()]
    hands.view(rotation=90, flipped=True)
    before = hands.at(*ruler["points"][1])
    press("ArrowUp")
    after = hands.at(*hands.measured()[0]["points"][1])
    assert after[0] == pytest.approx(before[0]) and after[1] < before[1], "as the arrow shows on screen"
    for key in ("t", "Shift+Space"):
        press(key)
    hands.drawn()
    assert "CTR 0.50" in hands.words() and "Cardiothoracic ratio, point 1 of 4" in visit.page.evaluate(focused)
    press("Delete")
    hands.drawn()
    assert [shape["kind"] for shape in hands.measured()] == ["ruler"]
    press("Shift+T")
    press("Shift+Space")
    hands.drawn()
    visit.page.keyboard.type("nodule?")
    press("Enter")
    assert visit.page.evaluate("tools.marking.get('patient')")[0]["label"] == "nodule?"


def test_each_tool_says_what_it_measured_in_the_units_it_may(visit, site):
    hands = Hands(visit.page, site, "detector", pane={"heats": ["heat"]})
    hands.use("ruler")
    hands.drag((100, 100), (200, 100))
    assert hands.words() == "10.0 mm at detector"
    assert visit.page.locator("#root").get_by_role("status").inner_text() == hands.words(), "it is heard as well"
    hands.clear("detector")
    hands.use("ratio")
    hands.drag((250, 200), (350, 210))
    assert hands.words() == "Heart 10.0 mm, at detector, now the thorax"
    hands.drag((200, 300), (400, 300))
    assert hands.words() == "CTR 0.50, AP: heart magnified, Heart 10.0 mm, Thorax 20.0 mm, at detector"
    hands.drag((200, 200), (450, 200))
    hands.drag((200, 320), (400, 320))
    assert "CTR 1.25, heart wider than thorax:, check the calipers" in hands.words()
    assert len(hands.measured("detector")) == 1, "a second ratio takes the place of the first"
    hands.clear("detector")
    hands.use("cobb")
    hands.drag((100, 100), (200, 100))
    hands.drag((200, 150), (100, 100))  # 10 mm across, 10 mm down: 45 degrees, drawn the other way round
    assert hands.words() == "45.0°, (135.0°)"
    hands.clear("detector")
    hands.use("probe")
    hands.click(321.5, 250.5)
    visit.page.mouse.move(390, 5)
    assert hands.words() == "Value 2321, Heatmap 0.50, column 321, row 250"
    visit.page.mouse.move(*hands.at(10.5, 10.5))
    assert hands.words().endswith("; Value 10, Heatmap 0.50, column 10, row 10")
    hands = Hands(visit.page, site, "bare")
    hands.use("ruler")
    hands.click(100, 100)
    hands.click(140, 130)
    assert hands.words() == "50 px", "click, move, click: as good as a drag"
    hands.clear("bare")
    hands.click(300, 300)
    hands.click(300, 300)  # two clicks at a place are no line
    assert hands.words() == ""
    hands.use("probe")
    hands.click(50.5, 50.5)
    assert hands.words().startswith("Value 0 HU (stored 50), column 50, row 50")


def test_handles_are_grabbed_moved_and_deleted(visit, site):
    hands = Hands(visit.page, site, "patient")
    page = visit.page
    hands.use("ruler")
    hands.drag((100, 100), (200, 100))
    hands.drag((200, 100), (200, 150))  # a handle is taken, although the tool is on
    assert np.allclose(hands.measured()[0]["points"], [[100, 100], [200, 150]], atol=2)
    page.keyboard.press("Escape")
    before = page.evaluate("viewer.view.window")
    hands.drag((100, 100), (120, 300))  # and without a tool, where a drag elsewhere is window and level
    assert np.allclose(hands.measured()[0]["points"], [[120, 300], [200, 150]], atol=2)
    hands.drag((160, 225), (460, 225))  # the line takes all of it along, as far as the film goes
    hands.drag((460, 225), (900, 225))
    (ruler,) = hands.measured()
    assert max(x for x, _ in ruler["points"]) == pytest.approx(600, abs=2)
    assert math.dist(*ruler["points"]) == pytest.approx(math.dist((120, 300), (200, 150)), abs=3)
    assert page.evaluate("viewer.view.window") == before
    hands.drag((300, 50), (340, 80))
    assert page.evaluate("viewer.view.window") != before
    assert page.evaluate("tools.changes.length") >= 4
    hands.use("ratio")
    hands.drag((200, 200), (300, 200))
    page.keyboard.press("Escape")  # half a ratio is none
    assert [shape["kind"] for shape in hands.measured()] == ["ruler"]
    page.keyboard.press("Delete")
    assert [shape["kind"] for shape in hands.measured()] == ["ruler"], "nothing was chosen"
    hands.click(*ruler["points"][0])
    page.keyboard.press("Backspace")
    assert hands.measured() == [] and hands.words() == ""
    hands.use("ruler")
    hands.drag((100, 100), (200, 100))
    page.evaluate("show([{ film: 'bare' }])")
    assert hands.words() == "" and hands.measured("bare") == []
    page.evaluate("show([{ film: 'patient' }])")
    assert hands.words() == "10.0 mm", "what was measured stays with its film"
    half = {"kind": "ruler", "points": [[0, 0]]}
    page.evaluate("list => tools.measuring.set('patient', list)", [*hands.measured(), half])
    assert len(hands.measured()) == 1, "half a shape from elsewhere is left out"
    page.keyboard.press("Shift+Delete")
    assert hands.measured() == []


def test_marks_lie_on_the_film_and_are_the_readers(visit, site):
    hands = Hands(visit.page, site, "patient")
    page, marks = visit.page, "tools.marking.get('patient')"
    page.keyboard.press("Shift+A")
    hands.drag((100, 100), (150, 150))
    page.keyboard.press("Shift+E")
    hands.drag((300, 200), (340, 200))
    page.keyboard.press("Shift+T")
    hands.click(450, 100)
    page.keyboard.type("nodule, 2 cm ?")  # N and X are keys of the reader elsewhere
    page.keyboard.press("Enter")
    kinds = page.evaluate(marks)
    assert [(mark["kind"], mark["label"]) for mark in kinds] == [
        ("arrow", ""),
        ("circle", ""),
        ("text", "nodule, 2 cm ?"),
    ]
    assert np.allclose(kinds[0]["points"], [[100, 100], [150, 150]], atol=2), "an arrow's tip comes first"
    assert page.evaluate("tools.changes.at(-1)") == ["patient", kinds] and not page.evaluate("viewer.view.flipped")
    assert hands.words() == "nodule, 2 cm ?"
    hands.click(500, 300)
    page.keyboard.press("Enter")  # nothing was written: no mark
    hands.click(500, 350)
    page.keyboard.type("no")
    page.keyboard.press("Escape")
    assert page.evaluate(marks) == kinds
    page.keyboard.press("Escape")
    page.mouse.dblclick(*hands.at(150, 150))
    page.keyboard.type("here")
    page.keyboard.press("Enter")
    assert page.evaluate(marks)[0]["label"] == "here"
    page.keyboard.press("Delete")
    assert [mark["kind"] for mark in page.evaluate(marks)] == ["circle", "text"]
    page.evaluate("tools.marking.set('patient', [])")
    assert hands.words() == "" and hands.measured() == []


def corner(page, name: str) -> list[str]:
    place = page.locator(f"[data-corner={name}]")
    return [text for text in place.inner_text().split("\n") if text]


def sides(page) -> str:
    return "".join(page.locator(f"[data-side={side}]").inner_text() for side in ("left", "top", "right", "bottom"))


def test_corner_texts_say_what_is_shown_and_what_was_done_to_it(visit, site):
    pane = {"heats": ["heat"], "title": "p 0.93"}
    hands = Hands(visit.page, site, "patient", width=450, height=360, pane=pane)
    page = visit.page
    assert corner(page, "topLeft") == ["patient.dcm", "600 × 400, 16 bit", "PA"]
    assert corner(page, "topRight") == ["p 0.93"]
    assert corner(page, "bottomLeft")[:2] == ["W 65535 L 32768", "Full range"]
    legend = ["1", "0", "Grad-CAM, Pneumonia", "MobileNetV2", "1 = this heatmap's maximum", "75%, fit"]
    assert corner(page, "bottomRight") == legend
    assert corner(page, "bottomLeft")[2] == "1 cm"
    assert (
        page.locator(".scale i").evaluate("bar => bar.offsetWidth") == 75
    )  # 100 columns of 0.1 mm at 0.75 of their size
    turned = {(0, False): "RHLF", (90, False): "FRHL", (180, False): "LFRH", (0, True): "LHRF", (90, True): "HRFL"}
    for (rotation, flipped), letters in turned.items():
        hands.view(rotation=rotation, flipped=flipped)
        assert sides(page) == letters, (rotation, flipped)
    marks = ["FLIPPED", "ROTATED 90°", "INVERTED"]
    hands.view(rotation=90, flipped=True, invert=True, window={"low": 0, "high": 400})
    assert page.locator("[data-mark]").all_inner_texts() == marks
    assert corner(page, "bottomLeft")[:3] == ["W 400 L 200", "Full range, adjusted", "2 cm"]
    assert page.locator(".scale i").evaluate("bar => bar.offsetWidth") == 60  # 100 rows of 0.2 mm at 0.6
    hands.view(sharpened="sharp")
    page.wait_for_function(
        "() => document.querySelector('[data-mark]')?.textContent === 'SHARPENED'", timeout=HANG * 1000
    )
    hands.view(sharpened="clahe")
    page.wait_for_function("() => document.querySelector('[data-mark]')?.textContent === 'CLAHE'", timeout=HANG * 1000)
    hands.view(overlay={"shown": False})
    assert corner(page, "bottomRight") == ["overlay off", "75%, fit"]
    hands.view(overlay={"shown": True, "shared": True}, pixels=True)
    assert corner(page, "bottomRight")[-2:] == ["1 = the maximum of all heatmaps shown", "100%, 1:1"]
    page.evaluate("show([{ film: 'patient', heats: ['heat', 'heat'] }])")
    hands.view(overlay={"shown": True, "mode": "slider"})
    assert {"Left: Grad-CAM, Pneumonia", "Right: Grad-CAM, Pneumonia"} < {*corner(page, "bottomRight")}
    page.evaluate("viewer.hide(true)")
    hands.drawn()
    assert corner(page, "bottomRight")[0] == "overlay off"
    page.evaluate("show([{ film: 'bare', words: 'Score-CAM: 12 s', corners: { topLeft: ['named', 'DICOM'] } }])")
    hands.view()
    assert corner(page, "topLeft") == ["named", "DICOM"] and sides(page) == ""
    assert corner(page, "bottomLeft") == ["Score-CAM: 12 s", "W 65535 L 32768 HU", "Full range"]
    assert page.locator(".xv-words").is_visible() is False and page.locator(".scale").count() == 0
    page.evaluate("tools.corners.remove()")
    assert page.locator(".xk-corners").count() == 0


CROWDED = """async () => {
  const { editorOf } = await import("/tools/editor.js");
  const texts = [...document.querySelectorAll(".xk-corners :is(p, b, .scale, .bar, [data-side])")];
  const places = texts.filter((text) => !text.matches(".bar b")).map((text) => text.getBoundingClientRect());
  const boxes = [...places, ...editorOf(viewer).boxes.get(0).map(({ box }) => new DOMRect(...["left", "top", "width",
    "height"].map((side) => box[side])))].filter(({ width }) => width);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b)).map((b) => [a, b]));
}"""


@pytest.mark.parametrize("size", [(1440, 900), (400, 640), (270, 420)], ids=str)
def test_texts_stand_clear_of_each_other(visit, site, screenshots, size):
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    pane = {"heats": ["heat"], "title": "MobileNetV2, from ImageNet", "words": "Score-CAM: 12 s left"}
    hands = Hands(visit.page, site, "patient", width=size[0], height=size[1], pane=pane)
    hands.view(rotation=90, flipped=True, invert=True)
    shapes = [
        {"kind": "ruler", "points": [[300, 100], [320, 180]]},
        {"kind": "ratio", "axis": "y", "points": [[250, 150], [260, 250], [300, 100], [300, 300]]},
        {"kind": "probe", "points": [[450, 200]]},
    ]
    visit.page.evaluate("list => tools.measuring.set('patient', list)", shapes)
    hands.drawn()
    visit.page.screenshot(path=screenshots / f"viewer-tools-{size[0]}.png")
    assert visit.page.evaluate(CROWDED) == []
