"""The non-disclosure terms that a bidder accepts before it may see a pool's vetted file. A changed text is a new version."""

import hashlib

NDA_VERSION = "2026-11"
NDA_TEXT = """\
NON-DISCLOSURE TERMS FOR A POOL OF RECEIVABLES, version 2026-11

1. Parties. The organisation that accepts these terms (the recipient) accepts them towards the seller of the pool and
   towards the marketplace. Whoever accepts declares to be entitled to bind the recipient.
2. What is confidential. The masked file of the vetted stage, its strata, and everything the seller shows about the pool
   before a sale. It is pseudonymised personal data: it remains personal data in law and is treated as such.
3. Use. Only to value the pool and to decide on a bid. No debtor is contacted, no file is sold, no model is trained on it.
4. No identification. The recipient makes no attempt to find out who a debtor is, joins the file with no other data that
   could reveal it, and reports to the marketplace at once if a debtor has become recognisable.
5. Circle. Only persons who need the file for the valuation, and who are bound to the same terms in writing, may see it.
6. Safeguards. The file is kept encrypted, with access by name, and is not taken to devices or services outside the
   recipient's control.
7. Breach. An unauthorised disclosure is reported to the seller and to the marketplace within 72 hours of its discovery.
8. Return. A recipient that does not win the pool destroys every copy within 30 days of the end of the auction and
   confirms it on request. Records that the law obliges to keep are excepted.
9. Traces. Downloads are recorded with person, organisation and time, and are shown to the seller.
10. Term. These terms hold for five years from acceptance; point 4 holds without end.
"""
NDA_SHA256 = hashlib.sha256(NDA_TEXT.encode()).hexdigest()
