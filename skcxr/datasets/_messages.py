"""Words that error messages share."""


def name_some(names, most=5):
    """Return 'a, b, c and 7 more', for messages."""
    names = [str(name) for name in names]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
