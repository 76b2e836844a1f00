"""Parameters under skorch's names, ``module__dropout`` and the like; inherited by name."""

import difflib
import inspect

from skcxr.classifiers._losses import LOSSES

# What the net itself tells a module about the data, where the module's signature asks for it.
DATA_ARGUMENTS = ("n_features", "n_labels", "map_shape")
_PREFIXES = ("module__", "optimizer__", "loss__")


class NestedParams:
    """Mixin that takes ``module__<name>``, ``optimizer__<name>`` and ``loss__<name>``.

    A subclass names in its ``__init__`` the parameters that are its own, or have another default;
    it has the keyword-only ones of its parent as well, which it hands on as ``**settings``.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        init, parent = vars(cls).get("__init__"), super(cls, cls).__init__
        own = {} if init is None else inspect.signature(init).parameters
        if not any(p.kind == p.VAR_KEYWORD for p in own.values()) or parent is object.__init__:
            return
        inherited = {
            name: parameter
            for name, parameter in inspect.signature(parent).parameters.items()
            if parameter.kind == parameter.KEYWORD_ONLY and name not in own
        }
        *named, rest = own.values()
        # Read by help, and by scikit-learn for the names of the parameters.
        init.__signature__ = inspect.Signature([*named, *inherited.values(), rest])

    def _check_nested(self, names, owners=None):
        """Refuse names that neither the module nor the optimizer has, and say what was meant."""
        for name in names:
            prefix, _, argument = name.partition("__")
            owner = (owners or {}).get(prefix, getattr(self, prefix, None))
            if prefix == "loss" and isinstance(owner, str):
                owner = LOSSES.get(owner)
            if not (name.startswith(_PREFIXES) and argument):
                valid = sorted(self._get_param_names())
                close = [v for v in valid if v.rpartition("__")[2] == name]
                close = close or difflib.get_close_matches(name, valid, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f". It has {valid}."
                error = ValueError if "__" in name else TypeError
                raise error(f"Invalid parameter {name!r} for {type(self).__name__}{hint}")
            if not callable(owner):  # fit says what is wrong with it
                continue
            arguments = inspect.signature(owner).parameters
            if any(a.kind == a.VAR_KEYWORD for a in arguments.values()):
                continue
            valid = [
                a for a in arguments if a not in (*DATA_ARGUMENTS, "params", "lr", "pos_weight")
            ]
            if argument not in valid:
                close = difflib.get_close_matches(argument, valid, n=1)
                hint = f"did you mean '{prefix}__{close[0]}'?" if close else f"it has {valid}"
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}: {owner.__name__} has "
                    f"no such argument; {hint}"
                )

    def get_params(self, deep=True):
        """Get the parameters by name, those under skorch's names included."""
        nested = {name: v for name, v in vars(self).items() if name.startswith(_PREFIXES)}
        return super().get_params(deep=deep) | nested

    def set_params(self, **params):
        """Set parameters by name, those under skorch's names included.

        Raises
        ------
        ValueError
            Where a name does not exist; the message says what was probably meant.
        """
        nested = {name: value for name, value in params.items() if "__" in name}
        self._check_nested(set(nested) - set(self._get_param_names()), owners=params)
        super().set_params(**{name: params[name] for name in params if name not in nested})
        vars(self).update(nested)
        return self
