"""Files and folders that no kill leaves half written or behind."""
