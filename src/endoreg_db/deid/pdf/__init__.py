"""Reports: read, rebuilt from pixels with only the words that stay, and looked at again."""
