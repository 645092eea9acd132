"""Pages of other addresses, in a real browser, against the app: they may link to it, and do nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.conftest import ELSEWHERE
from tests.browser.test_review import drop, film_address, open_page, settle
from xraykit.films.samples import draw

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# Each gives "no" where the browser or the server refused
ATTEMPTS = {
    "open the websocket": """app => new Promise(answer => {
        const socket = new WebSocket(app.replace("http", "ws") + "/_stcore/stream", ["streamlit", "PLACEHOLDER"]);
        socket.onopen = () => answer("open"); socket.onerror = () => answer("no") })""",
    "read a page": "app => fetch(app + '/review').then(answer => answer.text()).catch(() => 'no')",
    "read with cookies": """app => fetch(app + '/_stcore/health', {credentials: 'include'})
        .then(answer => answer.text(), () => 'no')""",
    "ask without reading": "app => fetch(app + '/review', {mode: 'no-cors'}).then(answer => answer.type, () => 'no')",
    "post": """app => fetch(app + '/_stcore/agent/interact', {method: 'POST', mode: 'no-cors', body: '{}'})
        .then(answer => answer.type, () => 'no')""",
    "upload": """app => fetch(app + '/_stcore/upload_file/session/file', {method: 'PUT', body: 'film'})
        .then(answer => answer.type, () => 'no')""",
    "fetch a film": """() => fetch(window.film, {mode: 'no-cors'}).then(answer => answer.type, () => 'no')""",
    "run a script": """app => new Promise(answer => { const script = document.createElement("script");
        script.onload = () => answer("ran"); script.onerror = () => answer("no");
        script.src = app + "/_stcore/health"; document.head.append(script) })""",
}


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of another server on this computer, with an empty page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>stranger</title><body></body>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving.server_port
        serving.shutdown()
        thread.join()


@pytest.fixture
def page(browser) -> Iterator:
    """A page without the guard of `visit`: it may ask any name that leads to this computer."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture
def film(visit, server) -> str:
    """The address of a film that a working session is shown at this moment."""
    open_page(visit, server, "/review")
    drop(visit, draw.PNG)
    settle(visit, 1)
    return film_address(visit, server)


# A page of the same host is of the same site, which is guarded least
@pytest.mark.parametrize(
    "hosts", [("127.0.0.1",), pytest.param(("localhost", ELSEWHERE), marks=pytest.mark.slow)], ids=" ".join
)
def test_a_page_of_another_address_may_only_link_to_the_app(visit, page, server, stranger, film, hosts):
    answered = []
    page.context.on("response", lambda answer: answered.append((answer.url, answer.status)))
    assert page.request.get(film).ok, "the film is there for the page that shows it"
    for origin in (f"http://{host}:{stranger}" for host in hosts):
        page.goto(origin)
        page.evaluate("film => { window.film = film }", film)
        answered.clear()
        for attempt, script in ATTEMPTS.items():
            assert page.evaluate(script, server.url) == "no", f"{origin} could {attempt}"
        page.evaluate(
            """app => new Promise(done => { const frame = document.createElement("iframe");
            frame.onload = done; frame.src = app + "/review"; document.body.append(frame) })""",
            server.url,
        )
        assert not page.frames[-1].url.startswith("http"), f"{origin} could frame the app"
        passed = [(url, status) for url, status in answered if url.startswith(server.url) and status < 400]
        assert passed == [], f"{origin} was answered"
        page.evaluate(
            """app => { const form = document.createElement("form"); form.method = "post";
            form.action = app + "/_stcore/agent/interact"; document.body.append(form); form.submit() }""",
            server.url,
        )
        page.get_by_text("This was asked by a page of").wait_for()
        page.goto(origin)
        page.evaluate(
            "app => { document.body.innerHTML = `<a href='${app}/review' target='_blank' rel='opener'>the app</a>` }",
            server.url,
        )
        with page.context.expect_page() as opening:
            page.get_by_text("the app").click()
        opening.value.locator(".room[data-state=open]").wait_for()
        assert opening.value.evaluate("window.opener") is None, f"{origin} keeps a hold of the app it opened"
        opening.value.close()


def test_a_name_that_is_rebound_to_this_computer_leads_nowhere(page, server):
    answered = []
    page.on("response", lambda answer: answered.append(answer.status))
    rebound = f"http://{ELSEWHERE}:{server.port}"
    answer = page.goto(f"{rebound}/review")
    assert answer.status == 421 and f"'{ELSEWHERE}:{server.port}'" in page.inner_text("body")
    for attempt in ("read a page", "read with cookies", "ask without reading", "post", "upload"):
        page.evaluate(ATTEMPTS[attempt], rebound)
    assert len(answered) >= 6 and set(answered) == {421}
    assert page.evaluate(ATTEMPTS["open the websocket"], rebound) == "no"


@pytest.mark.slow
def test_the_app_works_under_every_name_of_this_computer(page, server):
    broken = []
    page.context.expose_binding("xkForbidden", lambda _, words: broken.append(words))
    page.context.on("response", lambda answer: answer.status in (403, 421) and broken.append(answer.url))
    for host in ("127.0.0.1", "localhost"):
        page.goto(f"http://{host}:{server.port}/review")
        page.locator(".room[data-state=open]").wait_for()
        page.evaluate("""() => { for (const kind of ["src", "text"]) { const script = document.createElement("script");
            if (kind === "src") script.src = "data:text/javascript,window.ran=1"; else script.text = "window.ran = 1";
            document.head.append(script) } document.body.setAttribute("onclick", "window.ran = 1");
            document.body.click() }""")
        assert not page.evaluate("window.ran"), "a script that was put into the page ran"
    assert broken == []
