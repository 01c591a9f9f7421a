"""See what the fusion does: importance, interactions, and figures of them."""

from skmultimodal._lazy import attach

_LAZY = {
    "AccuracyCostDisplay": "inspection._display_cost",
    "CoalitionValues": "inspection._coalitions",
    "ComparisonDisplay": "inspection._display_comparison",
    "FusionWeightsDisplay": "inspection._display_weights",
    "InteractionDisplay": "inspection._display_interaction",
    "MissingModalityCurve": "inspection._missing_curve",
    "MissingModalityDisplay": "inspection._display_missing",
    "ModalityImportance": "inspection._importance",
    "ModalityImportanceDisplay": "inspection._display_importance",
    "ModalityInteraction": "inspection._interaction",
    "PartialInformation": "inspection._information",
    "ReliabilityDisplay": "inspection._display_reliability",
    "RowDisplay": "inspection._display_row",
    "TrainingHistoryDisplay": "inspection._display_history",
    "accuracy_cost_curve": "inspection._cost_curve",
    "coalition_values": "inspection._coalitions",
    "missing_modality_curve": "inspection._missing_curve",
    "modality_importance": "inspection._importance",
    "modality_interaction": "inspection._interaction",
    "partial_information": "inspection._information",
    "value_of_information": "inspection._value",
}

__all__ = [*_LAZY]
__getattr__, __dir__ = attach(__name__, _LAZY)
