"""What the words of a report say about people: found, classified, pseudonymised. A pure library."""
