"""The verbs of `market mask`, one file per thing that a person wants to do."""
