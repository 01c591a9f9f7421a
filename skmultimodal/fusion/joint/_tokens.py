"""Torch pieces of the strategies that attend from token to token."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from skmultimodal.fusion.joint._layers import mask_of
from skmultimodal.training._network import module_key, per_modality

__all__ = ["Block", "Tokens", "attention_bias", "check_heads", "masked_mean", "pooled"]


class Tokens(nn.Module):
    """Bring the tokens of every modality to one width and mark whose they are.

    A linear map, plus a learned embedding of the modality, plus sinusoidal positions
    after the first token.

    Parameters
    ----------
    in_features : dict of str to int
    out_features : int
    """

    def __init__(self, in_features, out_features):
        super().__init__()
        self.names = list(in_features)
        # the bias of the linear map is the embedding of the modality
        self.maps = per_modality(
            self.names, lambda name: nn.Linear(in_features[name], out_features)
        )

    def forward(self, embeddings, present=None):
        """Return tokens (n, n_tokens, out_features) and masks (n, n_tokens) by name."""
        tokens, masks = {}, {}
        for m, name in enumerate(self.names):
            given = embeddings[name]
            if not isinstance(given, tuple):
                mask = mask_of(None, given[:, :1]).bool()
                if present is not None:
                    mask = mask & present[:, m, None]
                given = given[:, None], mask
            values, masks[name] = given
            mapped = self.maps[module_key(name)](values)
            tokens[name] = mapped + positions(mapped)
        return tokens, masks


class Block(nn.Module):
    """A pre-norm transformer block; each query may also attend to nothing.

    A key and a value of zeros stand beside the tokens, so that a query without any
    token to attend to gets zeros.

    Parameters
    ----------
    width, n_heads : int
    dropout : float
    """

    def __init__(self, width, n_heads, dropout):
        super().__init__()
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(
            width, n_heads, dropout, bias=False, add_zero_attn=True, batch_first=True
        )
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens, bias, source=None, seen=None):
        """Let `tokens` attend to `source`, or to themselves.

        Parameters
        ----------
        tokens : Tensor of shape (n, n_tokens, width)
        bias : Tensor of shape (n, n_keys)
            Floats added to the attention logits, or True where a key is hidden.
        source : Tensor of shape (n, n_keys, width) or None
        seen : list or None
            Gets the attention of the queries, (n, n_tokens, n_keys), averaged over
            heads; what attends to nothing is left out of it.
        """
        queries = self.norm(tokens)
        keys = queries if source is None else self.norm(source)
        attended, attention = self.attention(
            queries, keys, keys, key_padding_mask=bias, need_weights=seen is not None
        )
        if seen is not None:
            seen.append(attention[:, :, :-1])
        tokens = tokens + self.dropout(attended)
        return tokens + self.dropout(self.mlp(self.norm_mlp(tokens)))


def positions(tokens: Tensor) -> Tensor:
    """Return sinusoidal positions (n_tokens, width), zeros for the first token."""
    n_tokens, width = tokens.shape[1:]
    if n_tokens == 1:
        return torch.zeros_like(tokens[0])
    arange = partial(torch.arange, dtype=tokens.dtype, device=tokens.device)
    places = arange(n_tokens)[:, None]
    rates = 10000 ** (-arange(0, width, 2) / width)
    angles = places * rates
    waves = torch.stack([angles.sin(), angles.cos() - 1], 2).flatten(1)
    return waves[:, :width]


def attention_bias(mask: Tensor, weight: Tensor) -> Tensor:
    """Return log weight where real, -inf where masked or of weight 0: (n, n_tokens).

    Parameters
    ----------
    mask : Tensor of bool of shape (n, n_tokens)
    weight : Tensor of shape (n,)
        Weight of the tokens' modality in each row.
    """
    bias = weight.clamp(min=1e-30).log()[:, None].expand(mask.shape)
    return bias.masked_fill(~(mask & (weight > 0)[:, None]), -torch.inf)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the real tokens, zeros where there is none: (n, width)."""
    share = mask.to(tokens.dtype)
    share = share / share.sum(1, keepdim=True).clamp(min=1)
    return torch.einsum("nt,ntd->nd", share, tokens)


def pooled(embeddings) -> dict[str, Tensor]:
    """Return one embedding per modality, the mean of its tokens if it has several."""
    return {
        name: masked_mean(*given) if isinstance(given, tuple) else given
        for name, given in embeddings.items()
    }


def check_heads(spec) -> None:
    """Refuse a width that does not split into the heads."""
    if spec.out_features % spec.n_heads:
        raise ValueError(
            f"The 'out_features' parameter of {type(spec).__name__} must be a multiple "
            f"of n_heads={spec.n_heads}. Got {spec.out_features} instead."
        )
