"""Pages: what Typst sets, as data and as templates. `page.typ` and one of `flow.typ`, `single.typ` are one source."""
