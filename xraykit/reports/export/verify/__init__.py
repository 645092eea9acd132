"""A report made again from its JSON and what it rests on, and compared figure by figure.

verify     a JSON file made again and compared
agreement  figures beside each other
sidecar    the JSON, read without trust
places     where films, models and files lie
films      film reports made again
records    comparisons, runs, studies, model cards, audits and sessions made again
"""
