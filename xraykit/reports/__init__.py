"""Everything a reader sees: sections, tables, charts and overlays, on a page and in files. Draws no page itself.

report/            a page as data; table, picture: its parts; read_out: what is said of a chart; page: sections, and the
                   whole as HTML, Markdown and JSON
tables             the figures of a comparison laid out in rows
comparison/        chosen: what a user can choose; figures, overview, curves, cards, changes, worth, seeds: its
                   sections; page: what makes each, and all to hand out
runs/              record: what a run's folder says; report: that on a page; words: its sentences
study/             page: all of a study to hand out; report: its sections; published: the published figures;
                   settings: its parallel coordinates; words: its sentences
charts/style       the two looks of a chart, for a dark screen and for white paper
charts/matrices    confusion matrices, and shares of several models with intervals
charts/grids       square cells under long names: differences of models in pairs, shares by class, many matrices
charts/curves      ROC, precision-recall and reliability
charts/learning    learning curves, of several models or of one run, and the load of a device
charts/bars        models' probabilities for one film; films by class and part of a split
charts/studies     histories of trials, all settings at once, accuracy against time, overfitting
charts/sizes       how large the files of a dataset are
charts/decisions   people: 100 as dots; net_benefit: decision curves; coverage of prediction sets; changes of a matrix
truth/             card: a model card as a report; home_and_elsewhere: a model on its own test split and on other films;
                   numbers_report: prediction sets, and 100 people at a prevalence; shortcuts_report,
                   scorecard_report: sections on models that were audited; pictures: all their charts; pages: an audit
                   as files; data_audit/: an audit of films; left_out: what a model's recipe gives on sources never seen
film/              photograph: pixels as a part of a report; subject: a film, and what gate, models and a reader made of
                   it; report: that on a page; pictures: film and overlays side by side; sheet: many films small;
                   session: a reading session; software: the versions that made it
export/            formats: every kind of file that a report is handed out as, the one registry; typeset: PDF and PNG
                   pages, set by page.typ; tables: how wide columns are there; figure: one chart as SVG, PNG or PDF;
                   slides, deck/: PowerPoint; dicom: for an archive; verify/: whether a report still holds
film/heatmap/      overlay: a heatmap in colour on its film, with its legend below; colormaps: its colour maps

Beside them parts.html and report.html (templates) and report.css, which pages and files share.
"""
