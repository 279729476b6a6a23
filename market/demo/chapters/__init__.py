"""What the demo tells, chapter by chapter: takes the steps, shows what they brought, checks it."""
