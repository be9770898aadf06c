"""What happened in a run, for people and for their tools."""
