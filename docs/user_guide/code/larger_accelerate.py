"""Train one network in several processes: torchrun --nproc-per-node=2 this_file.py"""

from accelerate import Accelerator

from skmultimodal import FusionClassifier
from skmultimodal.datasets import load_emoji

accelerator = Accelerator(cpu=True)  # without cpu=True: one GPU a process
X, y = load_emoji(return_X_y=True)
clf = FusionClassifier(
    fusion="parallel",
    accelerator=accelerator,
    batch_size=64,  # rows of all processes together
    max_epochs=2,
    random_state=0,
).fit(X[:400], y[:400])
proba = clf.predict_proba(X[400:800])
if accelerator.is_main_process:  # all processes hold the same model
    print(proba.shape)
accelerator.end_training()
