"""Tables as Markdown, without tabulate."""


def format_value(value, digits=3):
    """Write floats with fixed digits, NaN as a dash, and anything else as it is."""
    if isinstance(value, float):
        return "\u2013" if value != value else f"{value:.{digits}f}"
    return str(value)


def format_interval(value, low, high, digits=3):
    """Write ``0.632 (0.601 to 0.660)`` with a dash, or the value alone without an interval."""
    if low != low or high != high:
        return format_value(float(value), digits)
    return f"{value:.{digits}f} ({low:.{digits}f}\u2013{high:.{digits}f})"


def markdown_table(frame, digits=3):
    """Return a DataFrame as a GitHub-flavoured Markdown table, numbers to the right."""
    escape = str.maketrans({"|": r"\|", "\n": " "})
    header = [str(frame.index.name or ""), *map(str, frame.columns)]
    rows = [
        [str(index), *(format_value(v, digits) for v in row)]
        for index, row in zip(frame.index, frame.astype(object).to_numpy().tolist(), strict=True)
    ]
    cells = [[cell.translate(escape) for cell in row] for row in [header, *rows]]
    width = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join([row[0].ljust(width[0]), *map(str.rjust, row[1:], width[1:])]) + " |"
        for row in cells
    ]
    rule = "|".join(["-" * (width[0] + 2), *("-" * (w + 1) + ":" for w in width[1:])])
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])


def interval_frame(values, digits=3):
    """One text column per metric from a frame with (metric, value/low/high) columns."""
    import pandas as pd

    metrics = list(dict.fromkeys(values.columns.get_level_values(0)))
    return pd.DataFrame(
        {
            metric: [
                format_interval(*row, digits)
                for row in values[metric][["value", "low", "high"]].to_numpy()
            ]
            for metric in metrics
        },
        index=values.index,
    )
