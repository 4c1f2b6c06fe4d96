"""Where people sit: the command line, the web pages, the supervisor, the demo and the benchmarks."""
