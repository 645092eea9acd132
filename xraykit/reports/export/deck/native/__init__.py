"""Charts and tables that PowerPoint draws itself, so that their numbers can be edited."""
