"""Train one network in several processes: torchrun --nproc-per-node=2 this_file.py"""

from accelerate import Accelerator

from skmultimodal import FusionClassifier, Training
from skmultimodal.datasets import load_emoji

accelerator = Accelerator(cpu=True)  # without cpu=True: one GPU a process
X, y = load_emoji(return_X_y=True)
clf = FusionClassifier(
    fusion="parallel",
    random_state=0,
    training=Training(accelerator=accelerator, batch_size=64, max_epochs=2),
).fit(X[:400], y[:400])
proba = clf.predict_proba(X[400:800])
if accelerator.is_main_process:  # all processes hold the same model
    print(proba.shape)
accelerator.end_training()
