"""What can be asked for, and how it ends."""

import argparse
import os
import sys
import warnings

from .._version import __version__

ENDS = "exit status: 0 all is well; 1 some films could not be used or have issues; 2 nothing done"
FILMS = "files, folders (searched to the bottom), or CSV tables with a column `path`"


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str or None
        Arguments without the command's own name; None takes those of the process.

    Returns
    -------
    int
        0 where all is well, 1 where films could not be used or have issues, 2 where nothing was
        done, 130 after Ctrl-C.
    """
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _WarnOnce()
            return args.run(args)
    except KeyboardInterrupt:
        print("skcxr: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"skcxr {args.command}: {error}", file=sys.stderr)
        return 2


class _WarnOnce:
    """Say what a warning says, once, and not from which line it came."""

    def __init__(self):
        self.said = set()

    def __call__(self, message, *where, **more):
        text = str(message)
        if text not in self.said:
            self.said.add(text)
            print(f"warning: {text}", file=sys.stderr)


def _parser():
    from . import _commands

    parser = argparse.ArgumentParser(
        prog="skcxr",
        description="Findings, lung masks and checks of chest X-rays. Research software: not for "
        "diagnosis.",
        epilog="example: skcxr predict model.skcxr films/ -o predictions.csv",
    )
    parser.add_argument("--version", action="version", version=f"skcxr {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = _command(
        commands,
        "check",
        _commands.check,
        "look for films that are damaged, blank, turned, inverted, double or no chest X-rays",
        "skcxr check films/ -o issues.csv",
    )
    check.add_argument("films", nargs="+", metavar="FOLDER", help=FILMS)
    check.add_argument("-o", "--output", metavar="CSV", help="write the table of all films here")
    check.add_argument("--jobs", type=int, metavar="N", help="films that are read at a time")
    check.add_argument("-q", "--quiet", action="store_true", help="no progress and no summary")

    predict = _command(
        commands,
        "predict",
        _commands.predict,
        "probability and decision per finding, by a model that skcxr.save has written",
        "skcxr predict model.skcxr films/ -o predictions.csv --maps maps/",
    )
    predict.add_argument("model", metavar="MODEL", help="a file of skcxr.save")
    predict.add_argument("films", nargs="+", metavar="FILMS", help=FILMS)
    predict.add_argument("-o", "--output", metavar="CSV", required=True, help="table to write")
    predict.add_argument(
        "--maps",
        metavar="DIR",
        help="write a picture of where the network looked, for each finding that it predicts, or "
        "else for the most probable one",
    )
    _batches(predict)

    segment = _command(
        commands,
        "segment",
        _commands.segment,
        "lung masks as PNG files of the films' sizes, and a table of their quality",
        "skcxr segment films/ -o masks/",
    )
    segment.add_argument("films", nargs="+", metavar="FILMS", help=FILMS)
    segment.add_argument("-o", "--output", metavar="DIR", required=True, help="folder to write to")
    _batches(segment)

    cache = _command(
        commands,
        "cache",
        _commands.cache,
        "say what a folder given as `memory` holds; bound or empty it",
        "skcxr cache cache/ --limit 20GB",
    )
    cache.add_argument("folder", metavar="FOLDER")
    cache.add_argument("--limit", metavar="SIZE", help="such as 500MB or 20GB, or none")
    cache.add_argument(
        "--clear", nargs="?", const="", metavar="KIND", help="remove this kind, or everything"
    )
    return parser


def _command(commands, name, run, what, example):
    command = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=f"example: {example} — {ENDS}.",
    )
    command.set_defaults(run=run)
    return command


def _batches(command):
    command.add_argument(
        "--on-error",
        choices=("raise", "nan"),
        default="raise",
        help="a film that cannot be used: `raise` (default) stops at it and writes no table, `nan` "
        "leaves its row empty and says why in the column `error`",
    )
    command.add_argument("--batch-size", type=_positive, default=32, metavar="N")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")


def _positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number
