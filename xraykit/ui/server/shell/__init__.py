"""What the browser draws before Streamlit does: `shell` serves it, the files beside it are what it serves."""
