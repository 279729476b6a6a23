"""What happens to portfolios, pools and in the data room: one function, one sentence, one transaction."""

from market.portfolios.service.copies import Leak
from market.portfolios.service.copies import make_for as make_copy_for
from market.portfolios.service.copies import trace as trace_leak
from market.portfolios.service.data_room import (
    accept_nda,
    downloads,
    has_accepted_nda,
    masked_file,
    nda_accepted_at,
    vetted_sha256,
    wants_copy,
)
from market.portfolios.service.doubles import flag_pool, list_flags, resolve_flag
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
from market.portfolios.service.saleability import carve_outs, held_pool, held_pools, hold, taken_by_first
from market.portfolios.service.shredding import (
    approve_shredding,
    ask_shredding,
    list_shreddings,
    past_retention,
    shred,
)

__all__ = [
    "Leak",
    "accept_nda",
    "approve_shredding",
    "ask_shredding",
    "carve_outs",
    "cut_pools",
    "downloads",
    "find_pool",
    "find_portfolio",
    "flag_pool",
    "has_accepted_nda",
    "held_pool",
    "held_pools",
    "hold",
    "list_flags",
    "list_pools",
    "list_portfolios",
    "list_shreddings",
    "list_templates",
    "make_copy_for",
    "mark_offered",
    "mark_sold",
    "mark_unsold",
    "masked_file",
    "nda_accepted_at",
    "offerable_pool",
    "own_masked_file",
    "past_retention",
    "put_mapping",
    "receive_tape",
    "refused_accounts",
    "require_may_list",
    "resolve_flag",
    "sale_package",
    "save_template",
    "shred",
    "taken_by_first",
    "trace_leak",
    "vetted_sha256",
    "wants_copy",
]
