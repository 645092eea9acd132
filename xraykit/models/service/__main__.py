"""Runs the service's side until the parent is gone."""

from xraykit.models.service import process  # the importable twin: what it pickles must not be of __main__

if __name__ == "__main__":
    process.main()
