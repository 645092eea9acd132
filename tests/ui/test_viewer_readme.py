"""The viewer's README: its Streamlit example is a whole app, and runs."""

import re

from streamlit.testing.v1 import AppTest

from tests.helpers import ROOT


def test_the_readmes_streamlit_app_runs_as_it_stands():
    readme = (ROOT / "xraykit/ui/review/viewer/README.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    app = AppTest.from_string(script).run()
    assert not app.exception
    (viewer,) = app.get("bidi_component")
    assert viewer.proto.component_name == "xraykit.viewer"
