"""The pages' side: the only room that imports Streamlit."""
