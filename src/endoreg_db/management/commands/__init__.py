"""Django management commands for host projects."""
