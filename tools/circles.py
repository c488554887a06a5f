"""An import contract of our own: modules form no circles, packages and their own modules included.

import-linter's ``acyclic_siblings`` judges siblings only, and so does not see a package whose ``__init__`` imports what
imports the package.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from importlinter import Contract, ContractCheck, fields, output
from importlinter.application.contract_utils import AlertLevel, remove_ignored_imports_and_report

if TYPE_CHECKING:
    from grimp import ImportGraph


class NoCircles(Contract):
    """Keeps modules from importing each other, however long the way round; imports for types count as well."""

    type_name = "no_circles"
    ignore_imports = fields.SetField(subfield=fields.ImportExpressionField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the interface
        """Look for a circle."""
        remove_ignored_imports_and_report(graph, self.ignore_imports, AlertLevel.ERROR)  # type: ignore[arg-type]
        imports = {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1][::-1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the circle."""
        output.print_error("\n  imports ".join(check.metadata["circle"]))
