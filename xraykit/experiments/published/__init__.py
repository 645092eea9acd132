"""The five published studies as presets, and their figures as they were published."""
