"""Time of `import skmultimodal` over that of scikit-learn and pandas.

    python benchmarks/bench_import.py [--repeats 15] [--json FILE]

Every import runs in a fresh process; the two alternate. Time is the CPU time of the
child, start of Python included in neither.
"""

from __future__ import annotations

from statistics import median

from _common import arguments, bar_row, in_child, print_table, ratio, save

BAR = 1.1
CODE = (
    "import time; start = time.process_time(); import {}; "
    "seconds = time.process_time() - start; import json, sys; "
    "print(json.dumps([seconds, 'torch' in sys.modules]))"
)
IMPORTS = {"sklearn, pandas": "sklearn, pandas", "skmultimodal": "skmultimodal"}


def main():
    options = arguments(__doc__, repeats=(int, 15, "processes of each kind"))
    seconds = {name: [] for name in IMPORTS}
    torch_came = False
    for i in range(options.repeats + 1):
        for name in list(IMPORTS)[:: 1 if i % 2 else -1]:
            taken, torch_here = in_child(["-c", CODE.format(IMPORTS[name])])
            torch_came |= torch_here
            if i:  # the first round fills the file cache
                seconds[name].append(taken)
    print_table(
        ["import", "median [CPU s]", "least [CPU s]"],
        [[name, median(taken), min(taken)] for name, taken in seconds.items()],
    )
    value = ratio(seconds, "skmultimodal", "sklearn, pandas")
    bars = [
        bar_row("skmultimodal / (sklearn, pandas)", value, BAR),
        ["torch is imported", str(torch_came), "False", "NO" if torch_came else "yes"],
    ]
    print_table(["bar", "measured", "bar", "held"], bars, "Bars")
    save(options.json, seconds=seconds, bars=bars)


if __name__ == "__main__":
    main()
