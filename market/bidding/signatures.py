"""Who signs auctions' checkpoints, and blinds the leaves under them."""

import hmac
from hashlib import sha256

from market.db.context import Context
from market.kit import signing


class Signer(signing.Signer):
    """The market's key for auctions."""

    @classmethod
    def of(cls, context: Context) -> "Signer":
        """The market's signer; the key is drawn on first use. Blocks. Raises `WrongKey` under another vault."""
        return cls.kept("auction-checkpoint", context.settings.data_dir, context.vault, context.chance)

    def blinds(self, auction_id: str, count: int) -> list[bytes]:
        """The blinds of an auction's first leaves: unpredictable to all others, and always the same."""
        seed = sha256(self.sign(f"auction-blinds/1\n{auction_id}".encode())).digest()
        return [hmac.digest(seed, str(seq).encode(), "sha256") for seq in range(1, count + 1)]
