"""pytorch-widedeep: a network per modality with its defaults, logits added.

It stops early by the loss on a tenth of the training rows, keeping the best epoch, or
where three quarters of the limit are over.
"""

import numpy as np
import pandas as pd
from _peer import cpu_seconds, main, name_operators

REQUIREMENTS = ["pytorch-widedeep"]
EPOCHS = 20  # at most
SIZE = 64  # of images, whose network is trained from nothing


def fit_predict(train, y, test, kinds, limit):
    """Fit a tabular MLP, an LSTM over words and a convolutional network."""
    import torch

    name_operators()
    from pytorch_widedeep import Trainer
    from pytorch_widedeep.callbacks import Callback, EarlyStopping
    from pytorch_widedeep.models import BasicRNN, TabMlp, Vision, WideDeep
    from pytorch_widedeep.preprocessing import (
        ImagePreprocessor,
        TabPreprocessor,
        TextPreprocessor,
    )

    class Limit(Callback):
        def on_epoch_end(self, epoch, logs=None, metric=None):
            if cpu_seconds() > 0.75 * limit:
                self.trainer.early_stop = True

    torch.manual_seed(0)
    classes, target = np.unique(y, return_inverse=True)
    fitted, seen, asked = {}, {}, {}
    table = [column for column, kind in kinds.items() if kind == "table"]
    if table:
        numbers = [c for c in table if pd.api.types.is_numeric_dtype(train[c])]
        words = [c for c in table if c not in numbers]
        filled = [frame.copy() for frame in (train, test)]
        for frame in filled:
            frame[numbers] = frame[numbers].fillna(train[numbers].median())
            frame[words] = frame[words].astype(object).fillna("missing")
        reader = TabPreprocessor(
            cat_embed_cols=words, continuous_cols=numbers, cols_to_scale=numbers
        )
        seen["X_tab"] = reader.fit_transform(filled[0])
        asked["X_tab"] = reader.transform(filled[1])
        fitted["deeptabular"] = TabMlp(
            column_idx=reader.column_idx,
            cat_embed_input=getattr(reader, "cat_embed_input", None),
            continuous_cols=numbers,
        )
    texts = [column for column, kind in kinds.items() if kind == "text"]
    if texts:
        reader = TextPreprocessor(text_col=texts[0], min_freq=1, maxlen=40)
        seen["X_text"] = reader.fit_transform(train.fillna({texts[0]: ""}))
        asked["X_text"] = reader.transform(test.fillna({texts[0]: ""}))
        fitted["deeptext"] = BasicRNN(vocab_size=len(reader.vocab.itos), embed_dim=64)
    images = [column for column, kind in kinds.items() if kind == "image"]
    if images:
        reader = ImagePreprocessor(images[0], "", SIZE, SIZE, verbose=0)
        seen["X_img"] = reader.fit_transform(train)
        asked["X_img"] = reader.transform(test)
        fitted["deepimage"] = Vision()
    model = WideDeep(**fitted, pred_dim=len(classes))
    trainer = Trainer(
        model,
        objective="multiclass",
        callbacks=[Limit(), EarlyStopping(patience=5, restore_best_weights=True)],
        verbose=0,
        seed=0,
        num_workers=0,
    )
    trainer.fit(**seen, target=target, n_epochs=EPOCHS, batch_size=64, val_split=0.1)
    return classes, trainer.predict_proba(**asked)


if __name__ == "__main__":
    main(fit_predict, ("image", "text", "table"), ["pytorch-widedeep", "torch"])
