# SPDX-License-Identifier: Apache-2.0
"""The suite about itself."""

from harness import clauses
from harness.case import CASES, case, require


@case("", on=(5,))
def every_clause_has_a_case_or_an_excuse(_):
    wrong = clauses.check(CASES)
    require(not wrong, "\n".join(wrong))
