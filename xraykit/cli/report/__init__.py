"""The verb report: what people take away as files, and whether one of them still holds."""
