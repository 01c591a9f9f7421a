"""Character n-grams of long texts: read whole, cut, or taken apart word by word.

    python benchmarks/bench_long_texts.py [--rows 299] [--words 1000] [--json FILE]

Made texts of three classes: some words in a thousand are typical of the class and stand
anywhere. Each row of the table is the default model of texts with other n-grams of
characters: those of scikit-learn, the same of the first 2,000 characters, and ours,
which are those of scikit-learn to the bit.
"""

from __future__ import annotations

from time import process_time

import numpy as np
from _common import arguments, print_table, save
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union

from skmultimodal.encoders.features._classical import default_model

N_WORDS, N_CLASSES, TYPICAL = 8000, 3, 0.012
CUT = 2000


def texts(n_rows, n_words, seed):
    """Return texts and their classes."""
    rng, of_class = np.random.default_rng(seed), np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = np.array(
        ["".join(of_class.choice(letters, 3 + i % 6)) for i in range(N_WORDS)]
    )
    often = 1 / np.arange(1, N_WORDS + 1)
    own = of_class.integers(200, N_WORDS, (N_CLASSES, 40))
    y, size = np.arange(n_rows) % N_CLASSES, (n_rows, n_words)
    common = rng.choice(N_WORDS, size, p=often / often.sum())
    typical = own[y[:, None], rng.integers(0, 40, size)]
    chosen = np.where(rng.random(size) < TYPICAL, typical, common)
    return [" ".join(row) for row in words[chosen]], y


def first_characters(text):
    """Return the start of a text in lower case."""
    return text.lower()[:CUT]


def main():
    args = arguments(
        __doc__,
        rows=(int, 299, "texts to learn from"),
        words=(int, 1000, "words in a text"),
    )
    ngrams, linear = default_model("text").steps
    words, ours = (part for _, part in ngrams[1].transformer_list)
    given = {"sublinear_tf": True, "dtype": np.float32}
    given |= {"analyzer": "char_wb", "ngram_range": ours.ngram_range}
    candidates = {
        "scikit-learn's": TfidfVectorizer(**given),
        f"first {CUT} characters": TfidfVectorizer(
            preprocessor=first_characters, **given
        ),
        "word by word": ours,
        "none": None,
    }
    X, y = texts(args.rows, args.words, 1)
    new, truth = texts(300, args.words, 2)
    records = []
    for name, characters in candidates.items():
        parts = [words] if characters is None else [words, characters]
        model = make_pipeline(make_union(*parts), linear[1])
        start = process_time()
        model.fit(X, y)
        fitted = process_time()
        proba = model.predict_proba(new)
        seconds = [fitted - start, process_time() - fitted]
        right = proba[np.arange(len(truth)), truth]
        accuracy = float((proba.argmax(axis=1) == truth).mean())
        records.append([name, accuracy, float(-np.log(right).mean()), *seconds])
        print(*records[-1], flush=True)
    header = ["n-grams of characters", "accuracy", "log loss", "fit CPU s", "predict"]
    print_table(header, records, f"{args.rows} texts of {args.words} words")
    save(args.json, columns=header, rows=records)


if __name__ == "__main__":
    main()
