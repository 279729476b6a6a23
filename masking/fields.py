"""The catalogue of fields that a tape may hold: class, kind, header aliases and where the field is described.

Classes: I identifier, Q quasi-identifier, S sensitive flag, F free text, A analytic.
"""

import re
from dataclasses import dataclass
from enum import Enum


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
PCI = "PCI DSS 4.0.1 requirement 3 (2024)"

I, Q, S, F, A = FieldClass  # noqa: E741  # the letters of the table in the documentation
TEXT, AMOUNT, DATE, FLAG = Kind


def _field(name: str, cls: FieldClass, kind: Kind, aliases: str, source: str = BUYER, *, many: bool = False) -> Field:
    return Field(name, cls, kind, tuple(alias.strip() for alias in aliases.split(",")), source, many)


CATALOGUE = (
    _field(
        "account_number",
        I,
        TEXT,
        "Account Number,Acct No,Acct,Acct #,Account,Account ID,Account No,AcctNum,Acct ID,Loan No,Loan Number,Loan ID,"
        "LoanNr_ChkDgt,LoanNr,instrument_identifier,Instrument identifier,Original Account Number,Orig Acct No,"
        "Account Reference,Acct Ref,Debt ID,Card Account Number,Kontonummer",
        NPL,
    ),
    _field(
        "client_id",
        I,
        TEXT,
        "Client ID,Cust No,customerID,Customer ID,Customer No,Customer Number,Cust ID,CustNum,cust_number,Debtor ID,"
        "Debtor No,Debtor Number,Borrower ID,counterparty_identifier,Patient ID,MRN,Member ID,Kundennummer,rec_id",
        NPL,
    ),
    _field(
        "agreement_number",
        I,
        TEXT,
        "Agreement Number,Agreement No,Contract No,Contract Number,Contract ID,contract_identifier,Lease No,"
        "Policy Number,Policy No,Vertragsnummer",
        NPL,
    ),
    _field(
        "invoice_number",
        I,
        TEXT,
        "Invoice Number,Invoice No,Invoice ID,InvoiceNo,Inv No,Inv #,Invoice #,doc_id,Document Number,Bill No,Bill Number,"
        "Rechnungsnummer,Document No",
        INVOICE,
    ),
    _field(
        "debtor_name",
        I,
        TEXT,
        "Name,Debtor Name,Debtor,Full Name,Customer Name,Cust Name,name_customer,Borrower Name,Borrower,Consumer Name,"
        "Patient Name,Guarantor Name,Client Name,Account Holder,Customer,Kunde,Bill To,Nom",
        HIPAA,
        many=True,
    ),
    _field(
        "first_name",
        I,
        TEXT,
        "First Name,FName,First,Given Name,given_name,Forename,Vorname,Middle Name,MName,Middle Initial,MI,Prenom",
        HIPAA,
        many=True,
    ),
    _field(
        "last_name", I, TEXT, "Last Name,LName,Last,Surname,Family Name,Nachname,Maiden Name,Suffix", HIPAA, many=True
    ),
    _field(
        "co_debtor_name",
        I,
        TEXT,
        "Co-Borrower,Co Borrower Name,CoBorrower,Co-Debtor,Co Debtor Name,Co-Signer,Cosigner,Cosigner Name,Joint Name,"
        "Co-Maker,Guarantor,Spouse Name,Co-Applicant,Contact Name,Contact,Contact Person",
        HIPAA,
        many=True,
    ),
    _field(
        "company_name",
        I,
        TEXT,
        "Company,Company Name,Business Name,Debtor Company,DBA,Trade Name,Firm,Legal Name,Organisation,Organization,Firma",
        NPL,
        many=True,
    ),
    _field(
        "national_id",
        I,
        TEXT,
        "SSN,SSN/TIN,Social Security Number,Social Security,Soc Sec,Soc Sec No,SSN #,Tax ID,TIN,EIN,FEIN,ITIN,National ID,"
        "national_identifier,VAT Number,VAT ID,VAT No,soc_sec_id,NINO,NI Number,Steuernummer,USt-IdNr,SIN,Last4 SSN,Last 4 SSN,"
        "CoBorrower SSN,Co-Borrower SSN,Spouse SSN,Debtor SSN,Borrower SSN,Primary SSN",
        HIPAA,
        many=True,
    ),
    _field(
        "identity_document",
        I,
        TEXT,
        "Drivers License,Driver License No,DL Number,DL No,Drivers Licence,Passport No,Passport Number,VIN,License Plate,"
        "IP Address,IP,Device ID",
        HIPAA,
        many=True,
    ),
    _field(
        "bank_account",
        I,
        TEXT,
        "Bank Account,Bank Account Number,Bank Acct,IBAN,Routing Number,Routing No,ABA,Sort Code,BIC,SWIFT,Checking Account",
        HIPAA,
        many=True,
    ),
    _field(
        "phone",
        I,
        TEXT,
        "Phone,Home Ph,Home Phone,Cell,Cell Phone,Cell Ph,Mobile,Mobile Phone,Work Phone,Work Ph,POE Ph,POE Phone,Telephone,"
        "Tel,Phone 1,Phone 2,Phone 3,Phone1,Phone2,Phone3,Phone Number,phone_number,HomePhone,CellPhone,WorkPhone,Fax,"
        "Contact Number,Telefon,Other Phone",
        HIPAA,
        many=True,
    ),
    _field(
        "email",
        I,
        TEXT,
        "Email,E-mail,Email Address,E-Mail Address,Email1,Email 2,Contact Email,EMailAddr,Mail",
        HIPAA,
        many=True,
    ),
    _field(
        "street_address",
        I,
        TEXT,
        "Address,Addr1,Addr2,Addr,Address 1,Address 2,Address1,Address2,Address Line 1,Address Line 2,Street,Street Address,"
        "Street 1,street_number,address_1,address_2,Mailing Address,Home Address,Property Address,Billing Address,Apt,Unit,"
        "PO Box,Strasse,Latitude,Longitude",
        HIPAA,
        many=True,
    ),
    _field(
        "date_of_birth",
        Q,
        DATE,
        "Date of Birth,DOB,Birth Dt,Birth Date,Birthdate,BirthDate,date_of_birth,Born,Geburtsdatum,Debtor DOB",
        HIPAA,
    ),
    _field(
        "city",
        Q,
        TEXT,
        "City,Town,Suburb,City Name,Debtor City,Mailing City,Ort,Stadt,Municipality,County",
        HIPAA,
        many=True,
    ),
    _field(
        "state",
        Q,
        TEXT,
        "State,ST,State Code,Province,Debtor State,Borrower State,Customer State,Region,Res State,Home State,Mailing State,"
        "Bundesland,State of Residence",
        HIPAA,
    ),
    _field(
        "postal_code",
        Q,
        TEXT,
        "Zip,Zip Code,ZipCode,Postal Code,Postcode,Post Code,Zip5,Zip 5,Zip+4,Debtor Zip,Borrower Zip,PLZ,Mailing Zip",
        HIPAA,
    ),
    _field("country", Q, TEXT, "Country,Country Code,Debtor Country,Nation,countryCode,Land", NPL),
    _field("employer", Q, TEXT, "Employer,POE,Place of Employment,Employer Name,POE Name,Occupation", BUYER, many=True),
    _field("gender", Q, TEXT, "Gender,Sex", HIPAA),
    _field("marital_status", Q, TEXT, "Marital Status,Marital,Married", HIPAA),
    _field("deceased", S, FLAG, "Deceased,Deceased Flag,Death,Date of Death,DOD,Dec Flag,Deceased Ind", BUYER),
    _field(
        "bankrupt",
        S,
        FLAG,
        "Bankrupt,Bankruptcy,BK,BK Flag,Bankruptcy Flag,Bankruptcy Chapter,Chapter,BK Chapter,BK Date,BK Case No,"
        "Bankruptcy Date,Insolvent",
        BUYER,
        many=True,
    ),
    _field(
        "cease_and_desist", S, FLAG, "Cease and Desist,C&D,CD Flag,Cease Desist,C & D,Do Not Contact,Cease Comm", BUYER
    ),
    _field(
        "disputed", S, FLAG, "Disputed,Dispute,Dispute Flag,In Dispute,Dispute Code,Fraud,Fraud Flag", BUYER, many=True
    ),
    _field(
        "litigation",
        S,
        FLAG,
        "Litigation,Litigious,Legal,Judgment,Judgement,Judgment Flag,Suit Filed,Legal Flag,Attorney,Attorney Rep",
        BUYER,
        many=True,
    ),
    _field(
        "scra", S, FLAG, "SCRA,Military,Active Duty,SCRA Flag,Active Military,Military Flag", "50 USC 3901, SCRA (2003)"
    ),
    _field(
        "notes",
        F,
        TEXT,
        "Notes,Note,Comments,Comment,Memo,Remarks,Remark,Description,Free Text,Bemerkung,Last Note,Collector Notes",
        HIPAA,
        many=True,
    ),
    _field(
        "original_creditor",
        A,
        TEXT,
        "Original Creditor,OC,Orig Creditor,Originator,Creditor,Original Creditor Name,Bank,Lender,Issuer,Original Lender,"
        "Orig Cred,Creditor Name,Bank Name,Issuing Bank",
        BUYER,
    ),
    _field(
        "product",
        A,
        TEXT,
        "Product,Prod,Product Type,Product Code,Portfolio Name,Card Type,Loan Purpose,Produkt",
        BUYER,
    ),
    _field(
        "debt_type",
        A,
        TEXT,
        "Debt Type,Account Type,Acct Type,Loan Type,Asset Class,Asset Type,Type of Debt,Debt Class",
        NPL,
    ),
    _field(
        "debtor_type",
        A,
        TEXT,
        "Debtor Type,Borrower Type,Customer Type,Obligor Type,Legal Form,Entity Type,Consumer/Commercial,legal_entity_type",
        NPL,
    ),
    _field(
        "industry_code",
        A,
        TEXT,
        "NAICS,NAICS Code,SIC,SIC Code,Industry,Industry Code,NACE,NACE Code,Branche",
        "NAICS 2022, US Census Bureau",
    ),
    _field(
        "currency", A, TEXT, "Currency,Curr,Currency Code,CCY,invoice_currency,Iso Currency,Waehrung", "ISO 4217:2015"
    ),
    _field(
        "opened_on",
        A,
        DATE,
        "Open Date,Opened,Date Opened,Open Dt,Opn Dt,Origination Date,Orig Date,Account Open Date,Acct Open Date,"
        "DisbursementDate,Disbursement Date,Contract Date,Loan Date,Funded Date,opened_on,Open Date Account,Service Date,"
        "Date of Service,DOS",
        BUYER,
    ),
    _field(
        "charged_off_on",
        A,
        DATE,
        "Charge Off Date,Chg Off Dt,CO Date,Chargeoff Date,Charge-Off Date,ChgOffDate,C/O Date,CO Dt,Charged Off Date,"
        "Date Charged Off,WO Date,Write Off Date,charged_off_on,Chargeoff Dt,ChargeOffDate",
        BUYER,
    ),
    _field(
        "delinquent_on",
        A,
        DATE,
        "DLP Date,Delinquency Date,DOFD,Date of First Delinquency,First Delinquency Date,Delinquent Date,Dlq Date,"
        "Default Date,Date of Default,DOFD Date,First Dlq Dt,Delinq Date,Past Due Date,delinquent_on",
        "15 USC 1681s-2(a)(5), date of first delinquency (2003)",
    ),
    _field(
        "last_payment_on",
        A,
        DATE,
        "Last Payment Date,DLP,LPD,Last Pay Date,Last Pmt Dt,Last Pmt Date,Date of Last Payment,Last Paid Date,Last Pay Dt,"
        "LastPaymentDate,Last Paid,last_payment_on,clear_date,Date Last Paid,DOLP",
        BUYER,
    ),
    _field(
        "invoice_on",
        A,
        DATE,
        "Invoice Date,InvoiceDate,Inv Date,Date of Invoice,Posting Date,document_create_date,Bill Date,Issue Date,"
        "Issued Date,Rechnungsdatum,baseline_create_date,Document Date",
        INVOICE,
    ),
    _field(
        "due_on",
        A,
        DATE,
        "Due Date,DueDate,Due,Payment Due Date,due_in_date,Date Due,Maturity Date,Faelligkeit,Due On",
        INVOICE,
    ),
    _field(
        "out_of_statute_on",
        A,
        DATE,
        "Out of Statute Date,OOS Date,SOL Date,Statute Date,Statute of Limitations Date,Time Barred Date,OOS,SOL Expiry",
        BUYER,
    ),
    _field(
        "current_balance",
        A,
        AMOUNT,
        "Current Balance,Curr Bal,Balance,Bal,Total Balance,Balance Due,Amount Due,Total Due,Outstanding,Outstanding Balance,"
        "Outstanding Amount,Face Value,Cur Bal,CurrentBalance,total_open_amount,Amount Owed,Total Owed,Open Amount,Open Balance,"
        "Bal Due,Current Bal,Sale Balance,Purchase Balance,Offener Betrag,Claim Amount,Total Claim,Amount Outstanding",
        NPL,
    ),
    _field(
        "charge_off_balance",
        A,
        AMOUNT,
        "Charge Off Balance,CO Bal,Charge Off Amount,Chargeoff Balance,CO Amt,CO Amount,ChgOffPrinGr,Charge-Off Amount,"
        "Charge-Off Balance,Chg Off Bal,Chg Off Amt,Charged Off Amount,Chargeoff Amount,C/O Balance,C/O Amt,Write Off Amount",
        BUYER,
    ),
    _field(
        "principal",
        A,
        AMOUNT,
        "Principal,UPB,Principal Balance,Unpaid Principal Balance,Prin Bal,Prin,Current Principal,Principal Amount,Princ Bal",
        NPL,
    ),
    _field(
        "interest",
        A,
        AMOUNT,
        "Interest,Interest Balance,Int Bal,Accrued Interest,Int,Interest Amount,Interest Due,Int Amt",
        NPL,
    ),
    _field(
        "fees",
        A,
        AMOUNT,
        "Fees,Fee Balance,Late Fees,Fee,Fees Balance,Other Fees,Costs,Fee Amt,Fees Due,Court Costs",
        NPL,
    ),
    _field(
        "last_payment_amount",
        A,
        AMOUNT,
        "Last Payment Amount,Last Pmt Amt,LPA,Last Pay Amt,Last Payment Amt,Last Paid Amount,Last Pay Amount,LastPaymentAmount",
        BUYER,
    ),
    _field(
        "invoice_amount",
        A,
        AMOUNT,
        "Invoice Amount,InvoiceAmount,Inv Amt,Amount,Invoice Total,Gross Amount,Bill Amount,Rechnungsbetrag,Total Amount,Amt",
        INVOICE,
    ),
    _field(
        "original_amount",
        A,
        AMOUNT,
        "Original Amount,Orig Amt,Original Balance,Loan Amount,DisbursementGross,Disbursement Gross,Credit Limit,"
        "Original Loan Amount,Amount Financed,Orig Bal,High Balance,Limit",
        NPL,
    ),
)

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
    """A header without case, spaces and signs: `Chg Off Dt.` and `chg_off_dt` are one."""
    return re.sub(r"[^a-z0-9]+", "", header.casefold().replace("ß", "ss"))


ALIASES = {reduce(alias): field.name for field in CATALOGUE for alias in (*field.aliases, field.name)}
"""Reduced header -> canonical name. House names with units, such as face_value_cents, are none of a seller's."""
