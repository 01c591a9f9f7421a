"""What strategies whose parts are fitted apart share."""
