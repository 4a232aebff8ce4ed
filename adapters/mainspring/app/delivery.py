"""How a worker delivers over HTTP: with which signatures, and to which addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from mainspring.core.errors import InvalidInput

if TYPE_CHECKING:
    from mainspring.adapters.executors.http import HttpExecutor
    from mainspring.adapters.executors.requests import Signing
    from mainspring.app.tenants import ProjectSettings

SECRETS: Final = "MAINSPRING_WEBHOOK_SECRETS"
MERGENT_SECRET: Final = "MAINSPRING_MERGENT_SECRET"  # noqa: S105  the name of a variable
GUARD: Final = "MAINSPRING_GUARD"
ALLOW_NETWORKS: Final = "MAINSPRING_ALLOW_NETWORKS"
STRICT: Final = "MAINSPRING_STRICT"

_SWITCH: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@frozen(kw_only=True)
class Delivery:
    """The settings of HTTP delivery.

    ``secrets``: one ``whsec_…`` secret, or two while one replaces the other (the new one first), for the Standard
    Webhooks headers; none: unsigned. ``mergent_secret``: for ``X-Mergent-Signature``. ``guard``: connect to public
    addresses only, and to ``allow_networks`` (networks, addresses, host names) and, if so wanted, loopback.
    ``strict``: only 200 and 201 are success, as for Mergent.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    mergent_secret: str | None = field(default=None, repr=False)
    guard: bool = False
    allow_networks: tuple[str, ...] = ()
    allow_loopback: bool = False
    strict: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Delivery:
        """Read the settings from the variables named above; lists are separated by commas or blanks."""
        return cls(
            secrets=_words(environ.get(SECRETS, "")),
            mergent_secret=environ.get(MERGENT_SECRET) or None,
            guard=_switch(GUARD, environ.get(GUARD, "off")),
            allow_networks=_words(environ.get(ALLOW_NETWORKS, "")),
            strict=_switch(STRICT, environ.get(STRICT, "off")),
        )

    def executor(self, projects: ProjectSettings | None = None) -> HttpExecutor:
        """Make an executor with these settings, but for those that ``projects`` have of their own.

        ``InvalidInput`` names one that is wrong.
        """
        from mainspring.adapters.executors.http import Allowance, Guard, HttpExecutor

        allowance = Allowance.parse(self.allow_networks, loopback=self.allow_loopback)
        return HttpExecutor(
            guard=Guard(allowance=allowance) if self.guard else None,
            signing=self.signing() if projects is None else projects.signing_of,
            strict=self.strict if projects is None else projects.strict_of,
        )

    def signing(self) -> Signing:
        """Give the secrets as what signs a delivery; ``InvalidInput`` names one that is wrong."""
        from mainspring.adapters.executors.requests import Signing

        return Signing(secrets=self.secrets, mergent_secret=self.mergent_secret)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _switch(name: str, text: str) -> bool:
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError:
        raise InvalidInput(name, f"{text!r} is no switch", "use on or off") from None
