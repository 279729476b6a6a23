"""All SQL of portfolios, pools and the data room. Lock order: portfolio, then its pools, ids ascending."""
