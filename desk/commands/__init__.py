"""The commands, one file for each group; each is loaded when it is asked for. They own words and options, no work."""
