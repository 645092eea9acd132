"""What a study would take, told before it starts: planned, probed, cut to a budget."""
