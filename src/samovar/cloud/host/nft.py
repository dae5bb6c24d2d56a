# SPDX-License-Identifier: Apache-2.0
"""nftables by libnftables: a table is a value; making it so is one transaction, the smallest that does it."""

from __future__ import annotations

import ctypes
import functools

from msgspec import Struct

from samovar.cloud.host.closing import close_later
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.namespaces import Namespaces

__all__ = ["ABSENT", "Table", "delete_script", "run_nft"]


class Table(Struct, frozen=True):
    """A table as it should be: ``body`` declares its sets, maps and chains; ``elements`` fill the sets and
    maps.
    """

    family: str
    name: str
    body: str
    elements: dict[str, frozenset[str]] = {}

    def script(self, previous: Table | None) -> str:
        """What turns ``previous`` (None = anything, ABSENT = nothing) into this; "" if they are the same.

        A changed body replaces the whole table at once; connections that are tracked stay so.
        """
        here = f"{self.family} {self.name}"
        if previous is None or previous.body != self.body or previous.elements.keys() != self.elements.keys():
            lines = [] if previous is ABSENT else [delete_script(self.family, self.name)]
            lines.append(f"table {here} {{\n{self.body}}}")
            lines += [_elements("add", here, name, wanted) for name, wanted in self.elements.items()]
            return "\n".join(lines)
        lines = []
        for name, wanted in self.elements.items():
            lines.append(_elements("delete", here, name, previous.elements[name] - wanted))
            lines.append(_elements("add", here, name, wanted - previous.elements[name]))
        return "\n".join(line for line in lines if line)

    def narrows(self, previous: Table) -> bool:
        """Whether something that ``previous`` has is gone, so that connections it let in may have to end."""
        lines = set(previous.body.splitlines()) - set(self.body.splitlines())
        return bool(lines) or any(
            entries - self.elements.get(name, frozenset()) for name, entries in previous.elements.items()
        )


ABSENT = Table("", "", "")  # for a namespace that was made just now: spares the kernel a deletion


def delete_script(family: str, name: str) -> str:
    """Remove the table whether or not it is there."""
    return f"table {family} {name}\ndelete table {family} {name}"


def run_nft(namespaces: Namespaces, name: str | None, script: str) -> str:
    """Run ``script`` as one transaction in a namespace (None = the host's own); returns what it prints."""
    if not script:
        return ""
    library = load()
    with namespaces.inside(name):
        context = library.nft_ctx_new(0)  # binds its socket to the namespace of this moment
    if not context:
        raise HostError("lacking", "libnftables could not be started: nf_tables is missing in this kernel.")
    try:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        failed = library.nft_run_cmd_from_buffer(context, script.encode())
        if failed:
            words = (library.nft_ctx_get_error_buffer(context) or b"").decode(errors="replace").strip()
            raise HostError("kernel", f"nftables refused a change in {name or 'the host'}: {words}")
        output: bytes | None = library.nft_ctx_get_output_buffer(context)
        return (output or b"").decode()
    finally:
        close_later(functools.partial(library.nft_ctx_free, context))


@functools.cache
def load() -> ctypes.CDLL:
    """libnftables, with its functions' types; HostError if it is not installed."""
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError:
        sentence = "libnftables is not installed: on Debian and Ubuntu, apt-get install libnftables1."
        raise HostError("lacking", sentence) from None
    pointer = ctypes.c_void_p
    library.nft_ctx_new.restype, library.nft_ctx_new.argtypes = pointer, [ctypes.c_uint]
    library.nft_ctx_free.restype, library.nft_ctx_free.argtypes = None, [pointer]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [pointer]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_char_p, [pointer]
    library.nft_run_cmd_from_buffer.argtypes = [pointer, ctypes.c_char_p]
    return library


def _elements(verb: str, table: str, name: str, entries: frozenset[str]) -> str:
    return f"{verb} element {table} {name} {{ {', '.join(sorted(entries))} }}" if entries else ""
