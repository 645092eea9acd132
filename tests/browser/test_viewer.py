"""The film viewer alone, in a real browser: what reaches its canvas, against NumPy, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import viewer_site
from tests.helpers.viewer_site import film_message, heat_message, open_viewer, pixels
from xraykit.films.dicom.softcopy import Softcopy, Window
from xraykit.reports.heatmap import colormaps

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RENDERERS = ("webgl2", "canvas")
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


@pytest.mark.parametrize("renderer", RENDERERS)
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


@pytest.mark.parametrize("renderer", RENDERERS)
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


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("turned", [(0, False), (90, False), (180, True), (270, True)])
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


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_true_pixels_of_a_checkerboard_reach_the_canvas_unchanged(browser, site, ratio):
    context = browser.new_context(viewport={"width": 700, "height": 900}, device_scale_factor=ratio)
    page = context.new_page()
    open_viewer(page, site, [{"film": "board"}], width=640, height=830)
    seen = np.zeros(CHECKERBOARD.shape, bool)
    page.evaluate("viewer.set({ pixels: true })")
    for y in (0, 0.25, 0.5, 0.75, 1):
        for x in (0, 0.25, 0.5, 0.75, 1):
            page.evaluate("([x, y]) => viewer.set({ x, y })", [x, y])
            shown = pixels(page)[..., 0]
            assert shown.shape == (830 * ratio, 640 * ratio)
            origin = page.evaluate("[viewer.panes[0].placement.originX, viewer.panes[0].placement.originY]")
            left, top = (int(side) for side in origin)
            rows = slice(max(top, 0), min(top + shown.shape[0], 2500))
            columns = slice(max(left, 0), min(left + shown.shape[1], 2048))
            cut = shown[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            assert np.array_equal(cut, CHECKERBOARD[rows, columns])
            seen[rows, columns] = True
    assert seen.all()
    context.close()


def test_both_renderers_draw_the_same_within_one_grey_level(viewer):
    drawings = {}
    for renderer in RENDERERS:
        page = viewer({"film": "uneven", "heats": ["heat", "other"]}, "colour", renderer=renderer, width=901, height=511)
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


@pytest.mark.parametrize("renderer", RENDERERS)
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
    assert far(hot, grey + heat * (colormaps.colour(np.array(heat), "inferno") - grey)) <= 1
    page.evaluate("viewer.hide(true)")
    assert np.array_equal(true_pixels(page, UNEVEN.shape), np.repeat(UNEVEN[..., None], 3, axis=2))
    page.evaluate("viewer.hide(false)")
    assert np.array_equal(true_pixels(page, UNEVEN.shape), shown)
    page.evaluate("viewer.set({ overlay: { mode: 'blink' } })")
    page.wait_for_function("document.getElementById('root').dataset.blink === '1'")
    assert not np.array_equal(true_pixels(page, UNEVEN.shape), shown)
