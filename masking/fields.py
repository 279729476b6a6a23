"""The catalogue of fields that a tape may hold: class, kind, header aliases and where the field is described.

Classes: I identifier, Q quasi-identifier, S sensitive flag, F free text, A analytic.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from masking.vocabulary import ABROAD, table


class FieldClass(Enum):
    IDENTIFIER = "I"
    QUASI = "Q"
    SENSITIVE = "S"
    FREE_TEXT = "F"
    ANALYTIC = "A"


class Kind(Enum):
    """How a column's text is typed."""

    TEXT = "text"
    AMOUNT = "amount"
    DATE = "date"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field. `many` allows several columns of a tape to be mapped to it, such as three telephones."""

    name: str
    cls: FieldClass
    kind: Kind
    aliases: tuple[str, ...]
    source: str
    many: bool = False


HIPAA = "45 CFR 164.514(b)(2)(i), identifiers to remove (2002)"
NPL = "Commission Implementing Regulation (EU) 2023/2083, NPL data templates (2023)"
BUYER = "usual header of US debt-buyer tapes"
INVOICE = "usual header of invoice ledgers"

SOURCES = {"HIPAA": HIPAA, "NPL": NPL, "BUYER": BUYER, "INVOICE": INVOICE}

# name | class and kind, "many" if several columns may hold it | source; below it the headers seen in tapes.
TABLE = """
account_number | I text | NPL
    Account Number, A/c No, Loan A/c No, Loan Account No, Acct No, Acct, Acct #, Account, Account ID, Account No, AcctNum, Acct ID, Loan No, Loan
    Number, Loan ID, LoanNr_ChkDgt, LoanNr, instrument_identifier, Instrument identifier, Original Account Number,
    Orig Acct No, Account Reference, Acct Ref, Debt ID, Card Account Number, Kontonummer
client_id | I text | NPL
    Client ID, Cust No, customerID, Customer ID, Customer No, Customer Number, Cust ID, CustNum, cust_number,
    Debtor ID, Debtor No, Debtor Number, Borrower ID, counterparty_identifier, Patient ID, MRN, Member ID,
    Kundennummer, rec_id
agreement_number | I text | NPL
    Agreement Number, Agreement No, Contract No, Contract Number, Contract ID, contract_identifier, Lease No,
    Policy Number, Policy No, Vertragsnummer
invoice_number | I text | INVOICE
    Invoice Number, Invoice No, Invoice ID, InvoiceNo, Inv No, Inv #, Invoice #, doc_id, Document Number, Bill No,
    Bill Number, Rechnungsnummer, Document No
debtor_name | I text many | HIPAA
    Name, Debtor Name, Debtor, Full Name, Customer Name, Cust Name, name_customer, Borrower Name, Borrower,
    Consumer Name, Patient Name, Guarantor Name, Client Name, Account Holder, Customer, Kunde, Bill To, Nom
first_name | I text many | HIPAA
    First Name, FName, First, Given Name, given_name, Forename, Vorname, Middle Name, MName, Middle Initial, MI,
    Prenom
last_name | I text many | HIPAA
    Last Name, LName, Last, Surname, Family Name, Nachname, Maiden Name, Suffix
co_debtor_name | I text many | HIPAA
    Co-Borrower, Co Borrower Name, CoBorrower, Co-Debtor, Co Debtor Name, Co-Signer, Cosigner, Cosigner Name,
    Joint Name, Co-Maker, Guarantor, Spouse Name, Co-Applicant, Contact Name, Contact, Contact Person
company_name | I text many | NPL
    Company, Company Name, Business Name, Debtor Company, DBA, Trade Name, Firm, Legal Name, Organisation,
    Organization, Firma
national_id | I text many | HIPAA
    SSN, SSN/TIN, Social Security Number, Social Security, Soc Sec, Soc Sec No, SSN #, Tax ID, TIN, EIN, FEIN,
    ITIN, National ID, national_identifier, VAT Number, VAT ID, VAT No, soc_sec_id, NINO, NI Number, Steuernummer,
    USt-IdNr, SIN, Last4 SSN, Last 4 SSN, CoBorrower SSN, Co-Borrower SSN, Spouse SSN, Debtor SSN, Borrower SSN,
    Primary SSN
identity_document | I text many | HIPAA
    Drivers License, Driver License No, DL Number, DL No, Drivers Licence, Passport No, Passport Number, VIN,
    License Plate, IP Address, IP, Device ID
bank_account | I text many | HIPAA
    Bank Account, Bank Account Number, Bank Acct, IBAN, Routing Number, Routing No, ABA, Sort Code, BIC, SWIFT,
    Checking Account
phone | I text many | HIPAA
    Phone, Home Ph, Home Phone, Cell, Cell Phone, Cell Ph, Mobile, Mobile Phone, Work Phone, Work Ph, POE Ph, POE
    Phone, Telephone, Tel, Phone 1, Phone 2, Phone 3, Phone1, Phone2, Phone3, Phone Number, phone_number,
    HomePhone, CellPhone, WorkPhone, Fax, Contact Number, Telefon, Other Phone
email | I text many | HIPAA
    Email, E-mail, Email Address, E-Mail Address, Email1, Email 2, Contact Email, EMailAddr, Mail
street_address | I text many | HIPAA
    Address, Addr1, Addr2, Addr, Address 1, Address 2, Address1, Address2, Address Line 1, Address Line 2, Street,
    Street Address, Street 1, street_number, address_1, address_2, Mailing Address, Home Address, Property
    Address, Billing Address, Apt, Unit, PO Box, Strasse, Latitude, Longitude
date_of_birth | Q date | HIPAA
    Date of Birth, DOB, Birth Dt, Birth Date, Birthdate, BirthDate, date_of_birth, Born, Geburtsdatum, Debtor DOB
city | Q text many | HIPAA
    City, Town, Suburb, City Name, Debtor City, Mailing City, Ort, Stadt, Municipality, County
state | Q text | HIPAA
    State, ST, State Code, Province, Debtor State, Borrower State, Customer State, Region, Res State, Home State,
    Mailing State, Bundesland, State of Residence
postal_code | Q text | HIPAA
    Zip, Zip Code, ZipCode, Postal Code, Postcode, Post Code, Zip5, Zip 5, Zip+4, Debtor Zip, Borrower Zip, PLZ,
    Mailing Zip
country | Q text | NPL
    Country, Country Code, Debtor Country, Nation, countryCode, Land
employer | Q text many | BUYER
    Employer, POE, Place of Employment, Employer Name, POE Name, Occupation
gender | Q text | HIPAA
    Gender, Sex
marital_status | Q text | HIPAA
    Marital Status, Marital, Married
deceased | S flag | BUYER
    Deceased, Deceased Flag, Death, Date of Death, DOD, Dec Flag, Deceased Ind
bankrupt | S flag many | BUYER
    Bankrupt, Bankruptcy, BK, BK Flag, Bankruptcy Flag, Bankruptcy Chapter, Chapter, BK Chapter, BK Date, BK Case
    No, Bankruptcy Date, Insolvent
cease_and_desist | S flag | BUYER
    Cease and Desist, C&D, CD Flag, Cease Desist, C & D, Do Not Contact, Cease Comm
disputed | S flag many | BUYER
    Disputed, Dispute, Dispute Flag, In Dispute, Dispute Code, Fraud, Fraud Flag
litigation | S flag many | BUYER
    Litigation, Litigious, Legal, Judgment, Judgement, Judgment Flag, Suit Filed, Legal Flag, Attorney, Attorney
    Rep
scra | S flag | 50 USC 3901, SCRA (2003)
    SCRA, Military, Active Duty, SCRA Flag, Active Military, Military Flag
notes | F text many | HIPAA
    Notes, Note, Comments, Comment, Memo, Remarks, Remark, Description, Free Text, Bemerkung, Last Note, Collector
    Notes
original_creditor | A text | BUYER
    Original Creditor, OC, Orig Creditor, Originator, Creditor, Original Creditor Name, Bank, Lender, Issuer,
    Original Lender, Orig Cred, Creditor Name, Bank Name, Issuing Bank
product | A text | BUYER
    Product, Prod, Product Type, Product Code, Portfolio Name, Card Type, Loan Purpose, Produkt
debt_type | A text | NPL
    Debt Type, Account Type, Acct Type, Loan Type, Asset Class, Asset Type, Type of Debt, Debt Class
debtor_type | A text | NPL
    Debtor Type, Borrower Type, Customer Type, Obligor Type, Legal Form, Entity Type, Consumer/Commercial,
    legal_entity_type
debtors_count | A text | NPL
    Number of Counterparties, Number of Debtors, Number of Borrowers
industry_code | A text | NAICS 2022, US Census Bureau
    NAICS, NAICS Code, SIC, SIC Code, Industry, Industry Code, NACE, NACE Code, Branche
currency | A text | ISO 4217:2015
    Currency, Curr, Currency Code, CCY, invoice_currency, Iso Currency, Waehrung
opened_on | A date | BUYER
    Open Date, Opened, Date Opened, Open Dt, Opn Dt, Origination Date, Orig Date, Account Open Date, Acct Open
    Date, DisbursementDate, Disbursement Date, Contract Date, Loan Date, Funded Date, opened_on, Open Date
    Account, Service Date, Date of Service, DOS
charged_off_on | A date | BUYER
    Charge Off Date, Chg Off Dt, CO Date, Chargeoff Date, Charge-Off Date, ChgOffDate, C/O Date, CO Dt, Charged
    Off Date, Date Charged Off, WO Date, Write Off Date, charged_off_on, Chargeoff Dt, ChargeOffDate
delinquent_on | A date | 15 USC 1681s-2(a)(5), date of first delinquency (2003)
    DLP Date, Delinquency Date, DOFD, Date of First Delinquency, First Delinquency Date, Delinquent Date, Dlq
    Date, Default Date, Date of Default, DOFD Date, First Dlq Dt, Delinq Date, Past Due Date, delinquent_on
last_payment_on | A date | BUYER
    Last Payment Date, DLP, LPD, Last Pay Date, Last Pmt Dt, Last Pmt Date, Date of Last Payment, Last Paid Date,
    Last Pay Dt, LastPaymentDate, Last Paid, last_payment_on, clear_date, Date Last Paid, DOLP
invoice_on | A date | INVOICE
    Invoice Date, InvoiceDate, Inv Date, Date of Invoice, Posting Date, document_create_date, Bill Date, Issue
    Date, Issued Date, Rechnungsdatum, baseline_create_date, Document Date
due_on | A date | INVOICE
    Due Date, DueDate, Due, Payment Due Date, due_in_date, Date Due, Maturity Date, Faelligkeit, Due On
out_of_statute_on | A date | BUYER
    Out of Statute Date, OOS Date, SOL Date, Statute Date, Statute of Limitations Date, Time Barred Date, OOS, SOL
    Expiry
current_balance | A amount | NPL
    Current Balance, Curr Bal, Balance, Bal, Total Balance, Balance Due, Amount Due, Total Due, Outstanding,
    Outstanding Balance, Outstanding Amount, Face Value, Cur Bal, CurrentBalance, total_open_amount, Amount Owed,
    Total Owed, Open Amount, Open Balance, Bal Due, Current Bal, Sale Balance, Purchase Balance, Offener Betrag,
    Claim Amount, Total Claim, Amount Outstanding
charge_off_balance | A amount | BUYER
    Charge Off Balance, CO Bal, Charge Off Amount, Chargeoff Balance, CO Amt, CO Amount, ChgOffPrinGr, Charge-Off
    Amount, Charge-Off Balance, Chg Off Bal, Chg Off Amt, Charged Off Amount, Chargeoff Amount, C/O Balance, C/O
    Amt, Write Off Amount
principal | A amount | NPL
    Principal, UPB, Principal Balance, Unpaid Principal Balance, Prin Bal, Prin, Current Principal, Principal
    Amount, Princ Bal
interest | A amount | NPL
    Interest, Interest Balance, Int Bal, Accrued Interest, Int, Interest Amount, Interest Due, Int Amt
fees | A amount | NPL
    Fees, Fee Balance, Late Fees, Fee, Fees Balance, Other Fees, Costs, Fee Amt, Fees Due, Court Costs
last_payment_amount | A amount | BUYER
    Last Payment Amount, Last Pmt Amt, LPA, Last Pay Amt, Last Payment Amt, Last Paid Amount, Last Pay Amount,
    LastPaymentAmount
invoice_amount | A amount | INVOICE
    Invoice Amount, InvoiceAmount, Inv Amt, Amount, Invoice Total, Gross Amount, Bill Amount, Rechnungsbetrag,
    Total Amount, Amt
original_amount | A amount | NPL
    Original Amount, Orig Amt, Original Balance, Loan Amount, DisbursementGross, Disbursement Gross, Credit Limit,
    Original Loan Amount, Amount Financed, Orig Bal, High Balance, Limit
collateral_value | A amount | NPL
    Sum of Collateral Values, Collateral Value, Value of Collateral
repaid_amount | A amount | NPL
    Sum of Repayments, Total Repayments
"""


def _catalogue() -> Iterator[Field]:
    for block in re.split(r"\n(?=\S)", TABLE.strip()):
        head, *lines = block.split("\n")
        name, kinds, source = (part.strip() for part in head.split("|"))
        cls, kind, *many = kinds.split()
        aliases = tuple(alias.strip() for alias in " ".join(line.strip() for line in lines).split(",") if alias.strip())
        yield Field(name, FieldClass(cls), Kind(kind), aliases, SOURCES.get(source, source), many=bool(many))


CATALOGUE = tuple(_catalogue())

FIELDS = {field.name: field for field in CATALOGUE}

FACE_FIELDS = ("current_balance", "charge_off_balance", "invoice_amount")
"""Which column is the face value: the first of these that is mapped; one of them is mandatory."""

AGE_FIELDS = ("charged_off_on", "delinquent_on", "due_on", "invoice_on")
"""Which date an account's age counts from: the first of these that is mapped."""

PAST_FIELDS = ("date_of_birth", "opened_on", "charged_off_on", "delinquent_on", "last_payment_on", "invoice_on")
"""Dates that cannot lie after the cut-off date."""

FORBIDDEN_HEADERS = {
    "cvv", "cvv2", "cvc", "cvc2", "cid", "cardverification", "cardcode", "securitycode", "cardsecuritycode",
    "password", "passwd", "pwd", "passphrase", "pin", "pincode", "pinnumber", "track1", "track2", "cardnumber",
    "creditcardnumber", "ccnumber", "ccnum", "pan", "cardno", "creditcardno", "debitcardnumber",
}  # fmt: skip
"""Headers, reduced to letters and digits, whose columns refuse the upload (PCI DSS 4.0.1 requirement 3.3)."""


def reduce(header: str) -> str:
    """A header without case, accents, spaces and signs: `Chg Off Dt.` and `chg_off_dt` are one."""
    plain = unicodedata.normalize("NFKD", header.casefold().replace("ß", "ss").replace("ł", "l").replace("º", "o"))
    return re.sub(r"[^a-z0-9]+", "", plain)


ALIASES = {reduce(alias): name for name, aliases in table(ABROAD).items() for alias in aliases}
ALIASES |= {reduce(alias): field.name for field in CATALOGUE for alias in (*field.aliases, field.name)}
"""Reduced header -> canonical name. House names with units, such as face_value_cents, are none of a seller's."""
