"""The news world that `copytaster demo` serves to itself."""
