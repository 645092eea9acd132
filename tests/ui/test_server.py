"""The server's own care for what Streamlit would lose."""

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from xraykit.ui.server import life


def test_the_address_for_an_upload_outlives_the_start_of_a_run():
    life.keep_upload_addresses()
    life.keep_upload_addresses()  # a second server in the process changes nothing
    queue = ForwardMsgQueue()
    address, drawn = ForwardMsg(), ForwardMsg()
    address.file_urls_response.response_id = "b.png"
    drawn.delta.new_element.text.body = "of the run before"
    for message in (address, drawn):
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True)
    assert [message.file_urls_response.response_id for message in queue.flush()] == ["b.png"]
    queue.enqueue(address)
    queue.clear()
    assert queue.is_empty(), "what was sent is sent once"
