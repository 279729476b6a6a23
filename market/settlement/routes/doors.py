"""What the doors of this room share."""

from typing import TypeAlias

from litestar.di import NamedDependency

from market.db.context import Context
from market.kit.actor import Actor

Here: TypeAlias = NamedDependency[Context]
Who: TypeAlias = NamedDependency[Actor]
MONEY, SALES = ["Money"], ["Settlements"]
