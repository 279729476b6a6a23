"""Parties, pools, auctions and settlements for tests, made through the real services. One section a feature."""
