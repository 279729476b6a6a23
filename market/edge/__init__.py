"""What every request meets before and after a feature: problems, the door, the published contract."""
