"""What happens to portfolios, pools and in the data room: one function, one sentence, one transaction."""

from market.portfolios.service.data_room import (
    accept_nda,
    downloads,
    has_accepted_nda,
    masked_file,
    nda_accepted_at,
)
from market.portfolios.service.pools import (
    cut_pools,
    find_pool,
    list_pools,
    mark_offered,
    mark_sold,
    mark_unsold,
    offerable_pool,
    sale_package,
)
from market.portfolios.service.portfolios import (
    find_portfolio,
    list_portfolios,
    list_templates,
    own_masked_file,
    put_mapping,
    receive_tape,
    refused_accounts,
    require_may_list,
    save_template,
)

__all__ = [
    "accept_nda",
    "cut_pools",
    "downloads",
    "find_pool",
    "find_portfolio",
    "has_accepted_nda",
    "list_pools",
    "list_portfolios",
    "list_templates",
    "mark_offered",
    "mark_sold",
    "mark_unsold",
    "masked_file",
    "nda_accepted_at",
    "offerable_pool",
    "own_masked_file",
    "put_mapping",
    "receive_tape",
    "refused_accounts",
    "require_may_list",
    "sale_package",
    "save_template",
]
