# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a template, its parameters or its environment.

    TemplateError                       every one of them; `.type` is the API's error type, `.diagnostics` why
      StackValidationFailed
        EvaluationError                 a function failed; also a ValueError, TypeError or LookupError
      UnreadableTemplate, InvalidTemplateVersion, InvalidTemplateSection, InvalidTemplateReference,
      InvalidTemplateAttribute, InvalidSchemaError, InvalidTemplateParameter, CircularDependencyException,
      UserParameterMissing, UnknownUserParameter, ImmutableParameterModified,
      InvalidMergeStrategyForParam, ConflictingMergeStrategyForParam,
      InvalidBreakPointHook, InvalidRestrictedAction, NotSupported, RequestLimitExceeded, InvalidEnvironment

All mean "400 Bad Request". The names are the ones Heat's clients see.
"""

from __future__ import annotations

from collections.abc import Iterable

from samovar.diagnostics import Diagnostic, Diagnostics, Place, Severity


class TemplateError(Exception):
    """Raised with findings, or with one sentence that becomes a finding."""

    code = "invalid-template"
    status = 400

    def __init__(
        self,
        message: str = "",
        diagnostics: Iterable[Diagnostic] = (),
        *,
        code: str = "",
        advice: str = "",
        place: Place | None = None,
        path: str = "",
    ) -> None:
        found = Diagnostics(diagnostics)
        if not found:
            found.add(Diagnostic(Severity.ERROR, code or self.code, message, advice, place, path))
        self.diagnostics = found
        errors = found.errors
        if not message and errors:
            message = errors[0].message
        self.message = message
        # Where the function that failed stands, as steps from the template's root.
        self.steps: tuple[str | int, ...] = ()
        # Whether the parser gave the findings already.
        self.reported = False
        super().__init__(self.sentence())

    @property
    def type(self) -> str:
        """The error type as Heat's API names it."""
        return type(self).__name__

    @property
    def diagnostic(self) -> Diagnostic:
        errors = self.diagnostics.errors
        return errors[0] if errors else next(iter(self.diagnostics))

    def sentence(self) -> str:
        """All errors as one text for an API answer: one line each, at most twenty."""
        rows = [item.sentence() for item in self.diagnostics.errors] or [self.message]
        if len(rows) > 20:
            rows = [*rows[:20], f"… and {len(rows) - 20} more errors"]
        return "\n".join(rows)


class StackValidationFailed(TemplateError):
    code = "validation-failed"


class EvaluationError(StackValidationFailed):
    """A function could not be resolved. `kind` is the name of the builtin error it is like."""

    code = "function-failed"
    kind = "ValueError"

    @property
    def type(self) -> str:
        return "StackValidationFailed"


class EvaluationValueError(EvaluationError, ValueError):
    kind = "ValueError"


class EvaluationTypeError(EvaluationError, TypeError):
    kind = "TypeError"
    code = "function-argument-type"


class EvaluationKeyError(EvaluationError, LookupError):
    kind = "KeyError"


class InvalidTemplateVersion(TemplateError):
    code = "template-version"


class InvalidTemplateSection(TemplateError):
    code = "unknown-section"


class UnreadableTemplate(TemplateError):
    """No YAML or JSON, or not a map; Heat answers a plain 400."""

    code = "template-not-a-map"

    @property
    def type(self) -> str:
        return "HTTPBadRequest"


class InvalidTemplateReference(TemplateError):
    code = "unknown-resource"


class InvalidTemplateAttribute(TemplateError):
    code = "unknown-attribute"


class InvalidTemplateParameter(TemplateError):
    code = "invalid-parameter-definition"


class InvalidSchemaError(TemplateError):
    code = "invalid-schema"


class CircularDependencyException(TemplateError):
    code = "circular-dependency"


class UserParameterMissing(TemplateError):
    code = "parameter-missing"


class UnknownUserParameter(TemplateError):
    code = "unknown-parameter"


class ImmutableParameterModified(TemplateError):
    code = "immutable-parameter"


class InvalidMergeStrategyForParam(TemplateError):
    code = "merge-strategy"


class ConflictingMergeStrategyForParam(TemplateError):
    code = "merge-strategy"


class InvalidBreakPointHook(TemplateError):
    code = "invalid-hook"


class InvalidRestrictedAction(TemplateError):
    code = "invalid-restricted-action"


class InvalidEnvironment(TemplateError):
    """A malformed environment; Heat answers a plain 400."""

    code = "invalid-environment"

    @property
    def type(self) -> str:
        return "HTTPBadRequest"


class NotSupported(TemplateError):
    code = "not-supported"


class RequestLimitExceeded(TemplateError):
    code = "limit-exceeded"


_BY_CODE: dict[str, type[TemplateError]] = {
    "template-version": InvalidTemplateVersion,
    "template-version-missing": InvalidTemplateVersion,
    "removed-function": InvalidTemplateVersion,
    "template-not-a-map": UnreadableTemplate,
    "unknown-section": InvalidTemplateSection,
    "unknown-resource": InvalidTemplateReference,
    "unknown-attribute": InvalidTemplateAttribute,
    "invalid-schema": InvalidSchemaError,
    "circular-dependency": CircularDependencyException,
    "parameter-missing": UserParameterMissing,
    "unknown-parameter": UnknownUserParameter,
    "immutable-parameter": ImmutableParameterModified,
    "merge-strategy": InvalidMergeStrategyForParam,
    "invalid-hook": InvalidBreakPointHook,
    "invalid-restricted-action": InvalidRestrictedAction,
    "invalid-environment": InvalidEnvironment,
    "not-supported": NotSupported,
    "limit-exceeded": RequestLimitExceeded,
}


def raise_errors(diagnostics: Diagnostics) -> None:
    """Raise the exception that the first error means in Heat; do nothing when there is no error."""
    errors = diagnostics.errors
    if errors:
        raise _BY_CODE.get(errors[0].code, StackValidationFailed)(diagnostics=diagnostics)
