"""See what the fusion does: importance, interactions, and figures of them."""

from typing import TYPE_CHECKING

from skmultimodal._lazy import attach

if TYPE_CHECKING:
    from skmultimodal.inspection._attribution import (
        PartAttributions as PartAttributions,
    )
    from skmultimodal.inspection._attribution import (
        part_attributions as part_attributions,
    )
    from skmultimodal.inspection._audit import ModalityReport as ModalityReport
    from skmultimodal.inspection._audit import modality_report as modality_report
    from skmultimodal.inspection._coalitions import CoalitionValues as CoalitionValues
    from skmultimodal.inspection._coalitions import coalition_values as coalition_values
    from skmultimodal.inspection._cost_curve import (
        accuracy_cost_curve as accuracy_cost_curve,
    )
    from skmultimodal.inspection._display_comparison import (
        ComparisonDisplay as ComparisonDisplay,
    )
    from skmultimodal.inspection._display_cost import (
        AccuracyCostDisplay as AccuracyCostDisplay,
    )
    from skmultimodal.inspection._display_coverage import (
        CoverageDisplay as CoverageDisplay,
    )
    from skmultimodal.inspection._display_history import (
        TrainingHistoryDisplay as TrainingHistoryDisplay,
    )
    from skmultimodal.inspection._display_importance import (
        ModalityImportanceDisplay as ModalityImportanceDisplay,
    )
    from skmultimodal.inspection._display_interaction import (
        InteractionDisplay as InteractionDisplay,
    )
    from skmultimodal.inspection._display_missing import (
        MissingModalityDisplay as MissingModalityDisplay,
    )
    from skmultimodal.inspection._display_parts import PartsDisplay as PartsDisplay
    from skmultimodal.inspection._display_reliability import (
        ReliabilityDisplay as ReliabilityDisplay,
    )
    from skmultimodal.inspection._display_row import RowDisplay as RowDisplay
    from skmultimodal.inspection._display_weights import (
        FusionWeightsDisplay as FusionWeightsDisplay,
    )
    from skmultimodal.inspection._gaussian import (
        GaussianInformation as GaussianInformation,
    )
    from skmultimodal.inspection._gaussian import (
        gaussian_information as gaussian_information,
    )
    from skmultimodal.inspection._importance import (
        ModalityImportance as ModalityImportance,
    )
    from skmultimodal.inspection._importance import (
        modality_importance as modality_importance,
    )
    from skmultimodal.inspection._information import (
        PartialInformation as PartialInformation,
    )
    from skmultimodal.inspection._information import (
        partial_information as partial_information,
    )
    from skmultimodal.inspection._interaction import (
        ModalityInteraction as ModalityInteraction,
    )
    from skmultimodal.inspection._interaction import (
        modality_interaction as modality_interaction,
    )
    from skmultimodal.inspection._missing_curve import (
        MissingModalityCurve as MissingModalityCurve,
    )
    from skmultimodal.inspection._missing_curve import (
        missing_modality_curve as missing_modality_curve,
    )
    from skmultimodal.inspection._row_explanation import (
        RowExplanation as RowExplanation,
    )
    from skmultimodal.inspection._row_explanation import explain_row as explain_row
    from skmultimodal.inspection._value import (
        value_of_information as value_of_information,
    )

_LAZY = {
    "GaussianInformation": "inspection._gaussian",
    "ModalityReport": "inspection._audit",
    "gaussian_information": "inspection._gaussian",
    "modality_report": "inspection._audit",
    "AccuracyCostDisplay": "inspection._display_cost",
    "CoalitionValues": "inspection._coalitions",
    "ComparisonDisplay": "inspection._display_comparison",
    "CoverageDisplay": "inspection._display_coverage",
    "FusionWeightsDisplay": "inspection._display_weights",
    "InteractionDisplay": "inspection._display_interaction",
    "MissingModalityCurve": "inspection._missing_curve",
    "MissingModalityDisplay": "inspection._display_missing",
    "ModalityImportance": "inspection._importance",
    "ModalityImportanceDisplay": "inspection._display_importance",
    "ModalityInteraction": "inspection._interaction",
    "PartAttributions": "inspection._attribution",
    "PartialInformation": "inspection._information",
    "PartsDisplay": "inspection._display_parts",
    "ReliabilityDisplay": "inspection._display_reliability",
    "RowDisplay": "inspection._display_row",
    "RowExplanation": "inspection._row_explanation",
    "TrainingHistoryDisplay": "inspection._display_history",
    "accuracy_cost_curve": "inspection._cost_curve",
    "coalition_values": "inspection._coalitions",
    "explain_row": "inspection._row_explanation",
    "missing_modality_curve": "inspection._missing_curve",
    "modality_importance": "inspection._importance",
    "modality_interaction": "inspection._interaction",
    "part_attributions": "inspection._attribution",
    "partial_information": "inspection._information",
    "value_of_information": "inspection._value",
}

__all__ = [*_LAZY]
if not TYPE_CHECKING:  # a checker would take any name for defined
    __getattr__, __dir__ = attach(__name__, _LAZY)
