"""Documents: rendered from facts, sealed for the parties, checked by anybody."""
