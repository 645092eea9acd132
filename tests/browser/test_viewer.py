"""The film viewer alone, in a real browser: what reaches its canvas, against NumPy, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import viewer_site
from tests.helpers.viewer_site import film_message, heat_message, open_viewer, pixels
from xraykit.films.dicom.softcopy import Softcopy, Window
from xraykit.reports.film.heatmap import colormaps

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RENDERERS = ("webgl2", "canvas")
# That the second draws what the first draws is looked at in one test, which is quick
EACH_RENDERER = (RENDERERS[0], pytest.param(RENDERERS[1], marks=pytest.mark.slow))
RANDOM = np.random.default_rng(12)
SLOPE, INTERCEPT = 2.0, -1024.0
WINDOWS = (
    Window("Chest", 0, 4000, "linear"),
    Window("Soft", 900, 1500, "linear"),
    Window("Bone", 3000.5, 9999.5, "linear"),
    Window("One step", 500, 501, "linear"),
    Window("Exact", 100, 1100, "linear-exact"),
    Window("Beyond", -5000, 90000, "linear-exact"),
    Window("Sigmoid", 1000, 3000, "sigmoid"),
    Window("Steep", 1990, 2010, "sigmoid"),
    Window("Table", -1000, 3096, "table", (np.arange(4096) ** 2 / 4095**2 * 65535).astype(np.uint16)),
    Window("Turned", 0, 2048, "table", np.linspace(65535, 0, 2048).astype(np.uint16)),
)
DEEP = Softcopy(RANDOM.integers(0, 2500, (90, 110)).astype(np.uint16), WINDOWS, 16, SLOPE, INTERCEPT)
RAMP = np.tile(np.arange(1000, dtype=np.uint16) * 4, (60, 1))
CHECKERBOARD = ((np.indices((2500, 2048)).sum(axis=0) % 2) * 255).astype(np.uint8)
UNEVEN = RANDOM.integers(0, 255, (301, 203), dtype=np.uint8)
ZERO_THEN_HOT = np.zeros((6, 6), np.float32)
ZERO_THEN_HOT[2:4, 3:5] = (0.3, 1.0)
FILMS = {
    "deep": film_message("deep", DEEP.values, windows=WINDOWS, slope=SLOPE, intercept=INTERCEPT),
    "up": film_message("up", RAMP, windows=(Window("Own", 100, 3500, "linear"),)),
    "tile": film_message("tile", UNEVEN[:100, :80]),
    "tile-turned": film_message("tile", UNEVEN[99::-1, 79::-1]),
    "down": film_message("down", RAMP, windows=(Window("Own", 100, 3500, "linear"),), inverted=True),
    "board": film_message("board", CHECKERBOARD),
    "uneven": film_message("uneven", UNEVEN),
    "colour": film_message("colour", RANDOM.integers(0, 255, (80, 100, 3), dtype=np.uint8)),
    "large": film_message("large", np.tile(np.arange(300, dtype=np.uint8) % 200, (200, 1))),
    "heat": heat_message("heat", ZERO_THEN_HOT, (0, 0, 203, 301), maximum=2.0),
    "other": heat_message("other", ZERO_THEN_HOT.T.copy(), (0, 0, 203, 301), maximum=4.0, model="b"),
}
COLORMAPS = {name: colormaps.table(name).tolist() for name in colormaps.NAMES}


@pytest.fixture(scope="module")
def site():
    with viewer_site.serve(FILMS) as url:
        yield url


@pytest.fixture
def viewer(visit, site):
    """Open a viewer on the visit's page; gives the page."""

    def show(*panes, **options):
        described = [pane if isinstance(pane, dict) else {"film": pane} for pane in panes]
        open_viewer(visit.page, site, described, **{"colormaps": COLORMAPS, **options})
        return visit.page

    return show


def true_pixels(page, shape: tuple[int, int], pane: int = 0) -> np.ndarray:
    """What the film's own pixels show, at one device pixel each, in the middle of a pane that is larger than it."""
    page.evaluate("viewer.set({ pixels: true, x: 0.5, y: 0.5 })")
    left, top = page.evaluate(
        "i => { const { x, y } = viewer.panes[i].toDevice(0, 0), { left, top } = viewer.panes[i].device;"
        " return [Math.round(x - left), Math.round(y - top)] }",
        pane,
    )
    return pixels(page, pane)[top : top + shape[0], left : left + shape[1]]


def far(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("renderer", EACH_RENDERER)
def test_windows_and_tables_are_those_of_numpy_within_one_grey_level(viewer, renderer):
    page = viewer("deep", renderer=renderer)
    assert page.evaluate("viewer.painter.renderer.kind") == renderer
    for window in WINDOWS:
        page.evaluate("name => viewer.set({ window: { name } })", window.name)
        shown = true_pixels(page, DEEP.values.shape)
        assert far(shown[..., 0], DEEP.render(window)) <= 1, window.name
        assert np.ptp(shown, axis=2).max() == 0
    for low, high in ((-500, 700.5), (1234.5, 2345)):
        page.evaluate("([low, high]) => viewer.set({ window: { name: 'Sigmoid', low, high } })", [low, high])
        expected = DEEP.render(Window("moved", low, high, "sigmoid"))
        assert far(true_pixels(page, DEEP.values.shape)[..., 0], expected) <= 1
    page.evaluate("viewer.set({ invert: true })")
    assert far(true_pixels(page, DEEP.values.shape)[..., 0], 255 - expected) <= 1


@pytest.mark.parametrize("renderer", EACH_RENDERER)
def test_inverted_films_are_complements_and_a_reset_is_the_first_drawing(viewer, renderer):
    page = viewer("up", "down", renderer=renderer, width=900)
    first = [pixels(page, pane) for pane in (0, 1)]
    inside = first[0].max(axis=2) > 0
    assert far(first[1][inside], 255 - first[0][inside]) <= 1
    page.evaluate("""() => { viewer.set({ invert: true, rotation: 90, flipped: true, sharpened: "sharp",
        window: { low: 0, high: 77 }, overlay: { shown: false, mode: "slider", opacity: 1 } });
        viewer.zoom(0, 3.7, 100, 100); viewer.pan(0, 31, -17); viewer.redraw() }""")
    assert not np.array_equal(pixels(page), first[0])
    page.evaluate("viewer.reset()")
    assert all(np.array_equal(pixels(page, pane), first[pane]) for pane in (0, 1))
    page.evaluate("viewer.set({ linked: false, invert: true })")
    assert not np.array_equal(pixels(page, 0), first[0]) and np.array_equal(pixels(page, 1), first[1])


@pytest.mark.parametrize("renderer", EACH_RENDERER)
@pytest.mark.parametrize(
    "turned",
    [pytest.param((0, False), marks=pytest.mark.slow), (90, False), pytest.param((180, True), marks=pytest.mark.slow)]
    + [(270, True)],
)
def test_a_film_is_turned_clockwise_and_then_flipped(viewer, renderer, turned):
    rotation, flipped = turned
    page = viewer("uneven", renderer=renderer)
    page.evaluate("([rotation, flipped]) => viewer.set({ rotation, flipped })", [rotation, flipped])
    expected = np.rot90(UNEVEN, -rotation // 90)
    expected = expected[:, ::-1] if flipped else expected
    page.evaluate("viewer.set({ pixels: true })")
    shown = pixels(page)[..., 0]
    top, left = ((np.array(shown.shape) - expected.shape) / 2).astype(int)
    around = [
        shown[y : y + expected.shape[0], x : x + expected.shape[1]] for y in (top, top + 1) for x in (left, left + 1)
    ]
    assert any(np.array_equal(cut, expected) for cut in around)
    assert page.get_attribute("#root", "data-marks") == ("FLIPPED" if flipped else "")


@pytest.mark.parametrize("renderer", EACH_RENDERER)
def test_a_film_that_comes_turned_under_the_same_id_is_another_picture(viewer, renderer):
    page = viewer("tile", renderer=renderer)
    before = true_pixels(page, (100, 80))
    page.evaluate("show([{ film: 'tile-turned' }])")
    assert np.array_equal(true_pixels(page, (100, 80)), before[::-1, ::-1])
    sharp = []
    for film in ("tile", "tile-turned"):
        page.evaluate(f"viewer.set({{ sharpened: 'sharp' }}); show([{{ film: '{film}' }}])")
        page.wait_for_function("() => document.getElementById('root').dataset.marks === 'SHARPENED'")
        sharp.append(true_pixels(page, (100, 80)))
    assert far(sharp[1], sharp[0][::-1, ::-1]) <= 1


# How much of the canvas shows a checkerboard's own pixels, none of them changed: [left, top, right, bottom] of the film
UNCHANGED = """([x, y]) => {
  viewer.set({ x, y });
  const { data, width, height } = viewer.readPixels(0);
  const { originX, originY } = viewer.panes[0].placement;
  for (let row = 0; row < height; row += 1) for (let column = 0; column < width; column += 1) {
    const [across, down] = [originX + column, originY + row];
    const inside = across >= 0 && down >= 0 && across < 2048 && down < 2500;
    const expected = inside ? ((across + down) % 2) * 255 : 0;
    const place = 4 * (row * width + column);
    if (data[place] !== expected || data[place + 1] !== expected || data[place + 2] !== expected) return null;
  }
  return [originX, originY, originX + width, originY + height];
}"""


@pytest.mark.parametrize(
    "ratio", [pytest.param(1, marks=pytest.mark.slow), 1.5, pytest.param(2, marks=pytest.mark.slow)]
)
def test_true_pixels_of_a_checkerboard_reach_the_canvas_unchanged(browser, site, ratio):
    context = browser.new_context(viewport={"width": 700, "height": 900}, device_scale_factor=ratio)
    page = context.new_page()
    open_viewer(page, site, [{"film": "board"}], width=640, height=830)
    page.evaluate("viewer.set({ pixels: true })")
    seen = np.zeros(CHECKERBOARD.shape, bool)
    for y in (0, 0.25, 0.5, 0.75, 1):
        for x in (0, 0.3, 0.6, 0.9):
            left, top, right, bottom = page.evaluate(UNCHANGED, [x, y])
            assert (right - left, bottom - top) == (640 * ratio, 830 * ratio)
            seen[max(top, 0) : bottom, max(left, 0) : right] = True
    assert seen.all()
    context.close()


def test_both_renderers_draw_the_same_within_one_grey_level(viewer):
    drawings = {}
    for renderer in RENDERERS:
        page = viewer(
            {"film": "uneven", "heats": ["heat", "other"]}, "colour", renderer=renderer, width=901, height=511
        )
        drawn = []
        for change in (
            {},
            {"overlay": {"opacity": 1, "colormap": "viridis", "shared": True}},
            {"overlay": {"mode": "slider", "divider": 0.37}},
            {"zoom": 3.3, "rotation": 270, "invert": True, "window": {"low": 40, "high": 180}},
            {"zoom": 0.4, "flipped": True},
        ):
            page.evaluate("change => viewer.set(change)", change)
            drawn += [pixels(page, 0), pixels(page, 1)]
        drawings[renderer] = drawn
    assert max(far(a, b) for a, b in zip(*drawings.values(), strict=True)) <= 1


@pytest.mark.parametrize("renderer", EACH_RENDERER)
def test_an_overlay_leaves_the_film_where_the_heat_is_zero(viewer, renderer):
    page = viewer({"film": "uneven", "heats": ["heat", "other"]}, renderer=renderer, start={"overlay": {"opacity": 1}})
    shown = true_pixels(page, UNEVEN.shape)
    rows, columns = np.indices(UNEVEN.shape) + 0.5
    cold = np.ones(UNEVEN.shape, bool)
    inside = (np.abs(rows / 301 * 6 - 3) < 2) & (np.abs(columns / 203 * 6 - 4) < 2)
    cold[inside] = False
    assert np.array_equal(shown[cold], np.repeat(UNEVEN[cold][:, None], 3, axis=1))
    place = (3 * 301 // 6, int(4.5 * 203 / 6))
    hot = shown[place].astype(int)
    heat = page.evaluate("([y, x]) => viewer.pixel(0, x + 0.5, y + 0.5).heats[0]", [int(place[0]), place[1]])
    grey = int(UNEVEN[place])
    steps = np.arange(256) / 255
    colour = np.array([np.interp(heat, steps, channel) for channel in colormaps.table("inferno").T])
    assert far(hot, grey + heat * (colour - grey)) <= 1
    page.evaluate("viewer.hide(true)")
    assert np.array_equal(true_pixels(page, UNEVEN.shape), np.repeat(UNEVEN[..., None], 3, axis=2))
    page.evaluate("viewer.hide(false)")
    assert np.array_equal(true_pixels(page, UNEVEN.shape), shown)
    page.evaluate("viewer.set({ overlay: { mode: 'blink' } })")
    turns = page.evaluate("""() => new Promise((done) => {
      const seen = [null, null];
      const look = () => {
        seen[Number(viewer.blinked)] ??= pixels().data;
        if (seen[0] && seen[1]) done(seen[0] !== seen[1]);
        else requestAnimationFrame(look);
      };
      look();
    })""")
    assert turns, "the second overlay is another picture"


# Sixty moves of a drag, ten steps of the wheel, opacity, blink, invert: how many drawings each caused
READ = """async () => {
  const root = document.getElementById("root");
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const counts = {};
  const during = async (name, times, act) => {
    await frame();
    const before = viewer.frames;
    for (let i = 0; i < times; i += 1) {
      act(i);
      await new Promise(requestAnimationFrame);
    }
    await frame();
    counts[name] = viewer.frames - before;
  };
  const send = (type, options) => root.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, bubbles: true, cancelable: true, button: 0, ...options }));
  root.setPointerCapture = () => {};
  await during("nothing", 10, () => {});
  send("pointerdown", { clientX: 300, clientY: 300 });
  await during("drag", 60, (i) => send("pointermove", { clientX: 300 + i, clientY: 300 + i / 2 }));
  send("pointerup", { clientX: 360, clientY: 330 });
  await during("wheel", 10, () => root.dispatchEvent(new WheelEvent("wheel", {
    deltaY: -60, clientX: 300, clientY: 200, bubbles: true, cancelable: true })));
  await during("opacity", 10, (i) => viewer.set({ overlay: { opacity: i / 10 } }));
  await during("blink", 2, (i) => viewer.set({ overlay: { mode: i ? "layer" : "blink" } }));
  await during("invert", 4, () => viewer.commands.find(({ name }) => name === "invert").run());
  return { counts, zoom: viewer.view.zoom, window: viewer.view.window };
}"""


def test_a_reader_at_work_asks_the_server_nothing_and_every_move_is_drawn_once(viewer, visit):
    page = viewer({"film": "up", "heats": ["heat", "other"]})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    done = page.evaluate(READ)
    counts = done["counts"]
    assert counts.pop("nothing") == 0
    for name, most in {"drag": 60, "wheel": 10, "opacity": 10, "blink": 4, "invert": 4}.items():
        assert most / 2 <= counts[name] <= most + 1, (name, counts)
    assert done["zoom"] == pytest.approx(np.exp(60 * 0.0015 * 10)), "ten steps of the wheel"
    span = 3996 / 600
    moved = (done["window"]["low"] + done["window"]["high"]) / 2 - (100 + 3500) / 2
    assert moved == pytest.approx(29.5 * span, rel=1e-6)
    assert done["window"]["high"] - done["window"]["low"] == pytest.approx(3400 + 59 * span, rel=1e-6)
    assert asked == []


@pytest.mark.parametrize("renderer", EACH_RENDERER)
def test_sharpened_and_clahe_views_are_marked_and_an_off_view_is_the_film_again(viewer, renderer):
    page = viewer("uneven", renderer=renderer, colormaps={})
    plain = true_pixels(page, UNEVEN.shape)
    for kind, mark in (("sharp", "SHARPENED"), ("clahe", "CLAHE")):
        page.evaluate("kind => viewer.set({ sharpened: kind })", kind)
        page.wait_for_function("mark => document.getElementById('root').dataset.marks === mark", arg=mark)
        enhanced = true_pixels(page, UNEVEN.shape)
        assert not np.array_equal(enhanced, plain)
        assert enhanced.std() > plain.std() * (1.05 if kind == "sharp" else 0.9)
    page.evaluate("viewer.set({ sharpened: 'off' })")
    assert np.array_equal(true_pixels(page, UNEVEN.shape), plain)
    assert page.get_attribute("#root", "data-marks") == ""


def test_the_view_goes_on_to_the_next_film_and_comes_back_from_what_was_kept(viewer):
    page = viewer("deep")
    page.evaluate("""() => { viewer.set({ window: { name: "Soft" }, rotation: 90, x: 0.25, y: 0.75, zoom: 2 });
        viewer.moveWindow(0, 0.1, 0.05) }""")
    kept = page.evaluate("JSON.parse(JSON.stringify(viewer.view))")
    assert kept["window"]["title"] == "Soft" and kept["window"]["relative"] != [0, 1]
    page.evaluate("show([{ film: 'uneven' }])")
    next_view = page.evaluate("viewer.view")
    low, high = kept["window"]["relative"]
    assert next_view["window"]["title"] == "Full range"  # it has none of that name
    assert next_view["window"]["low"] == pytest.approx(255 * low)
    assert next_view["window"]["high"] == pytest.approx(255 * high)
    assert [next_view[key] for key in ("zoom", "x", "y", "rotation")] == [2, 0.25, 0.75, 90]
    page.evaluate("show([{ film: 'deep' }])")
    first = pixels(page)
    page = viewer("deep")
    assert not np.array_equal(pixels(page), first)
    page.evaluate("view => viewer.set(view)", kept)
    assert page.evaluate("viewer.view") == kept and np.array_equal(pixels(page), first)


def test_zoom_keeps_what_is_under_the_cursor_and_links_hold_in_film_coordinates(viewer):
    page = viewer("uneven", "deep", width=1000)
    point = page.evaluate("viewer.toFilm(0, 300, 250)")
    page.evaluate("viewer.zoom(0, 2.5, 300, 250)")
    after = page.evaluate("viewer.toFilm(0, 300, 250)")
    scale = page.evaluate("viewer.panes[0].scale")
    assert after["x"] == pytest.approx(point["x"], abs=1 / scale)
    assert after["y"] == pytest.approx(point["y"], abs=1 / scale)
    back = page.evaluate("({ x, y }) => viewer.toPane(0, x, y)", after)
    assert (back["x"], back["y"]) == (pytest.approx(300), pytest.approx(250))
    ours, theirs = page.evaluate("viewer.panes.map(({ view }) => view)")
    assert ours == theirs
    page.evaluate("viewer.set({ linked: false }); viewer.active = 1; viewer.set({ zoom: 1, x: 0.5, y: 0.5 })")
    ours, theirs = page.evaluate("viewer.panes.map(({ view }) => view.zoom)")
    assert (ours, theirs) == (pytest.approx(2.5), 1)
    view = page.evaluate("viewer.view")
    assert view["zoom"] == 1 and [pane["zoom"] for pane in view["panes"]] == [ours, 1]
    page.evaluate("viewer.set({ linked: true })")
    assert page.evaluate("viewer.panes.map(({ view }) => view.zoom)") == [1, 1]


def test_lost_graphics_come_back_a_large_film_is_said_to_be_reduced_and_textures_stay_within_their_limit(viewer):
    page = viewer("uneven", renderer="webgl2", maxTextureSize=256, textureBytes=60_000)
    assert page.inner_text(".xv-note").startswith("Drawn at 1/2 of its pixels: 203 × 301")
    first = pixels(page)
    assert first.max() > 100
    page.evaluate("""() => { const { gl } = viewer.painter.renderer, lose = gl.getExtension("WEBGL_lose_context");
        lose.loseContext(); viewer.redraw(); window.back = () => lose.restoreContext() }""")
    page.wait_for_function("() => document.querySelector('.xv-note').textContent.includes('started again')")
    page.evaluate("back()")
    page.wait_for_function("() => document.querySelector('.xv-note').textContent.startsWith('Drawn at')")
    assert np.array_equal(pixels(page), first)
    for film in ("deep", "up", "board", "uneven"):
        page.evaluate("film => show([{ film }])", film)
        kept = page.evaluate("[viewer.painter.renderer.textures.bytes, viewer.painter.renderer.textures.films.size]")
        assert kept[0] <= 60_000 or kept[1] == 1
    page.evaluate("show([{ film: null, words: 'This film was refused.' }])")
    assert page.inner_text(".xv-words") == "This film was refused." and pixels(page).max() == 0


def test_lens_slider_and_panes_follow_the_pointer(viewer):
    page = viewer({"film": "uneven", "heats": ["heat", "other"]}, width=801)
    plain = pixels(page)
    page.evaluate("viewer.set({ lens: true })")
    assert np.array_equal(pixels(page), plain), "no lens without a pointer"
    page.mouse.move(400, 300)
    magnified = pixels(page)
    changed = np.argwhere((magnified != plain).any(axis=2))
    assert 150 < np.ptp(changed, axis=0).min() and np.ptp(changed, axis=0).max() <= 260
    page.evaluate("viewer.set({ lens: false, overlay: { mode: 'slider' } })")
    assert page.evaluate("viewer.view.overlay.divider") == 0.5
    page.mouse.move(400, 200)
    page.mouse.down()
    page.mouse.move(600, 200, steps=3)
    page.mouse.up()
    assert page.evaluate("viewer.view.overlay.divider") == pytest.approx(600 / 801, abs=0.01)
    assert page.evaluate("viewer.view.window.relative") == [0, 1], "the divider was dragged, not the window"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("document.getElementById('root').style.width = '500px'; viewer.set({ overlay: { mode: 'layer' } })")
    page.wait_for_function("() => viewer.painter.stage.canvas.width === 500")
    assert pixels(page).shape == (600, 500, 3)
    page.evaluate("viewer.set({ fullscreen: true })")
    page.wait_for_function("() => viewer.view.fullscreen && viewer.painter.stage.canvas.width === 1440")
    page.evaluate("viewer.set({ fullscreen: false })")
    page.wait_for_function("() => !viewer.view.fullscreen && viewer.painter.stage.canvas.width === 500")
