"""Sanctions screening: names compared with the lists of OFAC and the UN, explained, stored and decided by officers."""
