"""The public names by page of the reference; conf.py writes the pages from it."""

# page -> (title, module, names)
API_REFERENCE = {
    "estimators": (
        "Estimators and data",
        "skmultimodal",
        [
            "FusionClassifier",
            "FusionRegressor",
            "FusionTransformer",
            "MultimodalData",
        ],
    ),
    "fusion": (
        "Fusion strategies",
        "skmultimodal",
        [
            "ParallelFusion",
            "SequentialFusion",
            "FeatureFusion",
            "DecisionFusion",
            "GatedFusion",
            "LowRankFusion",
            "FiLMFusion",
            "EmbraceFusion",
            "MixtureOfExpertsFusion",
            "ProductOfExpertsFusion",
        ],
    ),
    "encoders": (
        "Encoders",
        "skmultimodal",
        [
            "TabularEncoder",
            "ImageEncoder",
            "TextEncoder",
            "AudioEncoder",
            "SequenceEncoder",
            "ModuleEncoder",
            "BaseEncoder",
        ],
    ),
    "model_selection": (
        "Model selection",
        "skmultimodal.model_selection",
        ["compare_fusion", "FusionComparison", "weight_grid"],
    ),
    "datasets": (
        "Data sets",
        "skmultimodal.datasets",
        [
            "load_birdstrikes",
            "load_emoji",
            "load_spoken_digits",
            "make_multimodal_classification",
            "make_multimodal_regression",
            "make_multimodal_xor",
        ],
    ),
}
