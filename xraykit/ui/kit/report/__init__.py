"""What a page shows of a report, and how it is taken away: the one place of each page for that."""
