"""Classical features and models of each kind of modality."""
