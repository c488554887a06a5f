"""Where the network is reached, and on which channel, unless said otherwise; apart, since commands begin with it."""

DEFAULT_CHANNEL = "ALEPH-CLOUDSOLUTIONS"
# The first is the default of the SDK and the official command line (aleph-im/aleph-sdk-python, src/aleph/sdk/conf.py),
# the second that of the network's TypeScript SDK.
DEFAULT_NODES = ("https://api2.aleph.im", "https://api3.aleph.im")
SCHEDULER = "https://scheduler.api.aleph.cloud"
