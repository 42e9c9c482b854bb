"""What is done with runs and pushed versions afterwards: plan, roll back, clean up, predict, serve."""
