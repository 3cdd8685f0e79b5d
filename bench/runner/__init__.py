"""The benchmark runner: libraries and programs to run, the measuring, the tables."""
