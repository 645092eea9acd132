"""The command line's verbs; `xraykit.__main__` gathers them."""
