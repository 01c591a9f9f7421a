"""What strategies trained as one network share."""
