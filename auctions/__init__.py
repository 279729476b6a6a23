"""Auctions, decided: pure rules with no clock, no chance and no input or output.

Start at `auctions.engine`: `schedule` makes the first event, `decide` turns a command into events or a refusal,
`evolve` folds an event into the state. `auctions.views` says who may see what, `auctions.proof` proves a log.
"""
