"""See what the fusion does: importance, interactions, and figures of them."""

from skmultimodal._lazy import attach

_LAZY = {
    "AccuracyCostDisplay": "inspection._display_cost",
    "ComparisonDisplay": "inspection._display_comparison",
    "FusionWeightsDisplay": "inspection._display_weights",
    "InteractionDisplay": "inspection._display_interaction",
    "MissingModalityDisplay": "inspection._display_missing",
    "ModalityImportanceDisplay": "inspection._display_importance",
    "ReliabilityDisplay": "inspection._display_reliability",
    "RowDisplay": "inspection._display_row",
    "TrainingHistoryDisplay": "inspection._display_history",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
