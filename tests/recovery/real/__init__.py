"""Tools that break real hosts and the platform's own processes at a chosen driver call."""
