"""The Aleph network: accounts, signed messages, uploads, prices and statuses.

Importing this package costs nothing; the SDK is imported only to sign, and the HTTP client only to talk.
"""
