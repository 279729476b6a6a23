"""What the bank says and what it is told, in the formats that banks speak."""
