"""The digits and networks of the attacks' tests."""

from tests.flows.attack.conftest import data, digits, network, target  # noqa: F401
