"""The stock StatisticsGen, with a fast path where one machine reads the examples."""
