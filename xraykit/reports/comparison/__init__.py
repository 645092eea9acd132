"""The sections of a comparison, shown on the page Compare and handed out by it, and what can be chosen there."""
