"""All SQL of organisations, people, sign-ins and keys."""
