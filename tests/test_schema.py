"""Random configurations and lines: each is read, or refused by the one kind of error, and at once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junk import mappings, texts
from omegaconf import OmegaConf

from pinn.app.compose import checked, compose
from pinn.app.errors import USER_ERRORS, explain
from pinn.schema import Config, ConfigError, check, known_keys

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=10_000,  # of one example, in ms: a hang, on however slow a machine
    suppress_health_check=[HealthCheck.too_slow],
)
LINES = (
    ("pde=poisson", "network=mlp", "optimizer=adam_then_gauss_newton", "logger=wandb", "launcher=slurm"),
    ("pde=burgers_viscosity", "network=partition", "sweep=optuna", "sampling=rad", "+curriculum.nu=[0.2,0.1]"),
    ("pde=cavity", "balancing=residual_attention", "network=separable", "optimizer=soap", "trainer.devices=2"),
)


def composed(*lines):
    return OmegaConf.to_container(compose(*lines), resolve=True)


VALID = [composed(*lines) for lines in LINES]
WORDS = ("auto", "name", "adam", "mlp", "phases", "inf", "1e400", "0.5", "-1", "gpu", "[1]", "pinn", "_target_", "a.b")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*WORDS, *known_keys()])
values = st.recursive(
    scalars | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars | st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def read_or_refused(read, *args, errors=ConfigError):
    """Nothing but a configuration or an error that says something."""
    try:
        assert isinstance(read(*args), Config)
    except errors as error:
        assert explain(error)


@settings(FIXED, max_examples=250)
@given(mapping=mappings(VALID, st.sampled_from(WORDS) | st.text(max_size=5), values))
def test_a_junk_configuration_is_read_or_refused(mapping):
    read_or_refused(check, mapping if isinstance(mapping, dict) else {"pde": mapping})


@settings(FIXED, max_examples=15)
@given(
    line=texts(
        [*LINES[0], *LINES[1], "network.features={name: fourier, count: 3}", "pde.conditions.left='u(x=0) = 1'"],
        (*WORDS, "=", "+", "~", "{", "]", "'", '"', ",", "$", "${", "}", " ", "@", "\n"),
    )
)
def test_a_junk_line_is_read_or_refused(line):
    read_or_refused(lambda: checked(compose("pde=poisson", line)), errors=USER_ERRORS)


def test_another_error_is_seen():
    assert all(isinstance(check(mapping), Config) for mapping in VALID)
    with pytest.raises(KeyError):
        read_or_refused({}.__getitem__, "seed")
