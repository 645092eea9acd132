"""The parts of the Compare page: its choices, what they are applied to, and how it is shown and handed out."""
