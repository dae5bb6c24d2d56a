# SPDX-License-Identifier: Apache-2.0
"""Whatever a template gives as properties, validation answers with findings, and never breaks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from samovar.orchestration.plans import Effect
from samovar.orchestration.resources.implicit import implicit_requirements
from samovar.orchestration.resources.registry import every_type
from samovar.orchestration.resources.traits import DeclaredTraits
from samovar.orchestration.resources.validation import validate_properties, validate_update_policy
from samovar.orchestration.templates.values import Unknown

TYPES = [each for each in every_type()]  # noqa: C416
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**5000),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["10.0.0.1", "10.0.0.0/24", "true", "5", "tcp", "x" * 300]),
    st.builds(Unknown, st.text(max_size=5)),
)


def values_for(declared, depth=0):
    """Values of about the right shape, with everything wrong that can be wrong."""
    choices = [scalars]
    if depth < 3:
        if declared.fields:
            inner = {name: values_for(each, depth + 1) for name, each in declared.fields.items()}
            choices.append(st.fixed_dictionaries({}, optional=inner))
        if declared.items:
            choices.append(st.lists(values_for(declared.items, depth + 1), max_size=2))
        choices.append(st.lists(scalars, max_size=2))
        choices.append(st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), scalars, max_size=2))
    return st.one_of(choices)


@st.composite
def given_properties(draw):
    declared = draw(st.sampled_from(TYPES))
    names = draw(st.sets(st.sampled_from(sorted(declared.properties) or ["x"]), max_size=5))
    known = {name: each for name, each in declared.properties.items() if name in names}
    given_ = {name: draw(values_for(each)) for name, each in known.items()}
    return declared, given_ | draw(st.dictionaries(st.text(max_size=4), scalars, max_size=1))


@settings(max_examples=150, deadline=None)
@given(given_properties(), given_properties())
def test_validation_never_breaks(first, second):
    declared, values = first
    result = validate_properties(declared, values, ("resources", "r", "properties"))
    assert all(finding.message and finding.path for finding in result.diagnostics)
    other = validate_properties(second[0], second[1]).values
    for change in DeclaredTraits(declared).compare(result.values, other):
        assert change.effect in Effect
    validate_update_policy(declared, values)
    implicit_requirements({"a": (declared.name, result.values), "b": (second[0].name, other)})


@settings(max_examples=100, deadline=None)
@given(given_properties())
def test_validated_values_are_valid(given_):
    declared, values = given_
    once = validate_properties(declared, values)
    if not once.diagnostics.has_errors and not declared.noop:
        again = validate_properties(declared, {k: v for k, v in once.values.items() if v is not None})
        assert not again.diagnostics.has_errors
        assert again.values == once.values
