"""What the doctor looks at. Each check is a function that yields what it finds."""
