"""The channel that messages carry by default; apart from the models, whose import takes time."""

DEFAULT_CHANNEL = "ALEPH-CLOUDSOLUTIONS"
