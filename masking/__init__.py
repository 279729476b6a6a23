"""Masking computes: a seller's tape becomes a masked file, a risk report, a commitment and a sealed sale file.

Pure: keys, entropy and dates are arguments; no network, database, environment, clock or chance of its own.
The result is *pseudonymised*, never anonymous (EDPB Guidelines 01/2025): it is still personal data.
"""
