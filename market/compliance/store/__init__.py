"""All SQL of compliance."""
