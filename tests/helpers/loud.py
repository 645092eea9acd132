"""What libraries do when they find something odd, in one function: run in a decoder, it must not be heard."""

import logging
import os
import sys
import warnings


def speak() -> str:
    """Say a patient's name on every way out of a process."""
    warnings.warn("Doe^Jane", stacklevel=1)
    logging.getLogger("pydicom").error("Doe^Jane")
    print("Doe^Jane", flush=True)
    print("Doe^Jane", file=sys.stderr, flush=True)
    for descriptor in (1, 2):
        os.write(descriptor, b"Doe^Jane")
    return "spoken"
