"""Everything that Hatch calls: thin, and imported only when it is called."""
