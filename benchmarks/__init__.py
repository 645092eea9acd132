"""One file a claim: each prints `name ratio budget pass|short` against its peer, measured in the same run."""
