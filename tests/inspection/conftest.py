import pytest


@pytest.fixture(autouse=True)
def figures_are_closed():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")
