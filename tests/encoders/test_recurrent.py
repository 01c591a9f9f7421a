"""Step networks against a plain loop over the real steps of each row."""

import pytest
import torch
from torch import nn

from skmultimodal.encoders._recurrent import StepEncoder

LENGTHS = torch.tensor([4, 1, 0, 6])


@pytest.fixture
def steps():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 6, 3, generator=generator, dtype=torch.float64)


def row_by_row(module, steps):
    """Pool each row's own steps, cut to its length, with torch's own layers."""
    pooled = []
    for row, length in zip(steps, LENGTHS, strict=True):
        x = row[None, :length]
        if not length:
            pooled.append(torch.zeros(module.out.in_features, dtype=x.dtype))
        elif module.recurrent:
            states, final = module.ahead(x)
            final = final[0] if isinstance(final, tuple) else final
            parts = [states[0].mean(0), final[0, 0]]
            if module.back is not None:
                states, final = module.back(x.flip(1))
                final = final[0] if isinstance(final, tuple) else final
                parts = [parts[0], states[0].mean(0), parts[1], final[0, 0]]
            pooled.append(torch.cat(parts))
        elif module.cell == "conv":
            maps = torch.relu(module.first(x.transpose(1, 2)))
            maps = torch.relu(module.second(maps))[0]
            pooled.append(torch.cat([maps.mean(1), maps.amax(1)]))
        else:
            pooled.append(torch.relu(module.project(x[0])).mean(0))
    return torch.relu(module.out(torch.stack(pooled)))


@pytest.mark.parametrize(
    ("cell", "bidirectional"),
    [
        ("lstm", False),
        ("lstm", True),
        ("gru", False),
        ("gru", True),
        ("conv", False),
        ("mean", False),
    ],
)
def test_padded_batch_equals_a_loop_over_rows(steps, cell, bidirectional):
    module = StepEncoder(3, 5, 7, cell, bidirectional=bidirectional).double()
    torch.testing.assert_close(module(steps, LENGTHS), row_by_row(module, steps))


@pytest.mark.parametrize("cell", ["lstm", "gru", "conv", "mean"])
def test_padding_never_enters(steps, cell):
    module = StepEncoder(3, 5, 7, cell, bidirectional=True).double()
    garbage = steps.clone()
    for row, length in enumerate(LENGTHS):
        garbage[row, length:] = 1e3
    more = nn.functional.pad(garbage, (0, 0, 0, 9), value=-1e3)
    torch.testing.assert_close(module(garbage, LENGTHS), module(steps, LENGTHS))
    torch.testing.assert_close(module(more, LENGTHS), module(steps, LENGTHS))


@pytest.mark.parametrize("cell", ["lstm", "conv"])
def test_token_is_the_embedding_of_its_state_alone(steps, cell):
    module = StepEncoder(3, 5, 7, cell).double().eval()
    lengths = torch.ones(4, dtype=torch.int64)
    tokens, mask = module.tokens(steps[:, :1], lengths)
    assert mask.all()
    torch.testing.assert_close(tokens[:, 0], module(steps[:, :1], lengths))


def test_order_matters_to_recurrent_cells_only(steps):
    lengths = torch.full((4,), 6)
    for cell, same in (("mean", True), ("gru", False)):
        module = StepEncoder(3, 5, 7, cell).double().eval()
        turned = module(steps.flip(1), lengths)
        assert torch.allclose(turned, module(steps, lengths)) == same
