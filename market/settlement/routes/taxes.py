"""Which tax a commission bears."""

from litestar import get, post
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once


@post("/v1/tax-rules", tags=MONEY, summary="State a tax", operation_id="stateTaxRule", opt=STEP_UP)
@once
async def state_tax_rule(context: Here, actor: Who, data: JSONBody[schemas.TaxRuleIn]) -> schemas.TaxRuleView:
    """By an operator: from a day on, what organisations of a country bear on their part of a commission."""
    async with context.db.begin(actor) as tx:
        rule = await service.state_tax_rule(
            tx,
            actor,
            country=data.country,
            name=data.name,
            rate_bps=data.rate_bps,
            source=data.source,
            valid_from_on=data.valid_from_on,
            now=context.clock.now(),
            chance=context.chance,
        )
    return schemas.TaxRuleView.from_rule(rule)


@get("/v1/tax-rules", tags=MONEY, summary="Taxes on the commission", operation_id="listTaxRules")
async def list_tax_rules(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.TaxRulePage:
    """All that were ever stated, newest first. The one of the payer's country that began last, by the award, counts."""
    async with context.db.begin(actor) as tx:
        return schemas.TaxRulePage.from_page(await service.list_tax_rules(tx, actor, PageRequest.parse(limit, cursor)))


HANDLERS: list[ControllerRouterHandler] = [state_tax_rule, list_tax_rules]
