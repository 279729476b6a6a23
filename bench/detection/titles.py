"""Headers of the invented tapes, written when detection was finished.

Of the three in English the open half takes the second; the others, and those of other languages, are of the sealed half.
"""

# ruff: noqa: RUF001  # letters of Cyrillic are meant

from bench.detection.locales import headers

ENGLISH = headers("""
account_number | Account Ref No, ACCT_NBR, Loan Account Number, Facility No
client_id | Client Number, CUST_NBR, Obligor ID
debtor_name | Borrower Full Name, BORR_NM, Obligor Name
last_and_first | Debtor Last First, Name of Customer, CUST_FULL_NM
first_name | First Name, GIVEN_NM, Forenames
last_name | Last Name, SURNAME_TX, Family Name
company_name | Company Name, Trading As, Registered Company Name
national_id | National ID No, NATL_ID_NBR, Tax Identification Number
phone | Mobile Number, PHONE_NBR_1, Contact Telephone
email | Email, E_MAIL_ADDR, Contact e-mail
street_address | Street, ADDR_LINE_1, Street and Number
full_address | Full Address, Postal Address, Correspondence Address
bank_account | IBAN, BANK_ACCT_IBAN, Debit Account IBAN
passport | Passport No, PASSPORT_NBR, Passport
plate | Licence Plate, VEH_REG_NBR, Car Registration
date_of_birth | Date of Birth, BIRTH_DT, DoB
city | City, CITY_NM, Town
postal_code | Postal Code, POST_CD, Postcode
employer | Employer, EMPLOYER_NM, Name of Employer
notes | Notes, COLL_NOTES, Remarks
opened_on | Opening Date, OPEN_DT, Agreement Date
charged_off_on | Charge-off Date, WO_DT, Date Written Off
last_payment_on | Last Payment Date, LAST_PMT_DT, Date of Last Receipt
current_balance | Current Balance, CURR_BAL_AMT, Outstanding Amount
charge_off_balance | Charge-off Amount, WO_AMT, Balance at Write-off
interest | Interest Due, INT_AMT, Accrued Interest
original_creditor | Original Lender, ORIG_CRED_NM, Creditor
debt_type | Debt Type, PROD_TYP_CD, Type of Debt
purpose | Loan Purpose, PURPOSE_CD, Use of Funds
whole_amount | Credit Limit, ORIG_AMT, Sum Granted
signed_amount | Adjustment, ADJ_AMT, Net Movement
currency | Currency, CCY_CD, Cur
term | Term in Months, TERM_MTHS, Maturity (months)
rate | Nominal Rate, INT_RATE_PCT, Annual Rate
score | Score, RISK_SCORE, Behaviour Score
days_past_due | Days in Arrears, DPD_CNT, Days overdue
bucket | Arrears Bucket, DPD_BUCKET, Ageing Band
vintage | Vintage, ORIG_YYYYMM, Cohort
flag | Secured, SECURED_IND, Direct Debit Active
status | Status, ACCT_STAT_CD, Collection Status
ratio | LTV, LTV_RATIO, Loan to Value
rating | Rating, INT_RATING, Internal Grade
margin | Margin, MARGIN_PCT, Spread
payments | Number of Payments, PMT_CNT, Instalments Paid
age_band | Age Band, AGE_GRP, Age Group
sector | Sector, IND_SECTOR, Branch of Industry
channel | Sales Channel, CHNL_CD, Origination Channel
probability | PD, PROB_DFLT, Probability of Default
written_term | Remaining Term, REM_TERM, Time to Maturity
updated_at | Last Update, UPD_TS, Record Updated At
payment_history | Payment History, PMT_HIST_12, Payment String
""")

HEADERS = {
    "de": headers("""
account_number | Darlehenskonto, Kontonr., Aktenzeichen
client_id | Kundennr., Schuldner-Nr.
debtor_name | Name des Schuldners, Darlehensnehmer
first_name | Vorname(n)
last_name | Zuname, Nachname
company_name | Firmenname, Unternehmen
national_id | Steuer-Identifikationsnummer, Sozialversicherungsnr.
phone | Handynummer, Telefon privat
email | E-Mail privat
street_address | Strasse/Hausnr., Straße u. Nr.
bank_account | IBAN des Schuldners
date_of_birth | Geb.datum
city | Wohnort
postal_code | Postleitzahl
employer | Arbeitgeber
notes | Vermerke, Bemerkungen
opened_on | Auszahlungsdatum
charged_off_on | Abschreibung am
last_payment_on | Datum letzte Zahlung
current_balance | Saldo aktuell, Gesamtsaldo
interest | Zinsen offen
original_creditor | Ursprünglicher Gläubiger
"""),
    "fr": headers("""
account_number | N° de dossier, Numéro de prêt
client_id | Réf. client
debtor_name | Débiteur, Nom et prénom
first_name | Prénom(s)
last_name | Nom de naissance
company_name | Dénomination sociale
national_id | N° sécurité sociale
phone | Portable, Tél. mobile
email | Courriel du client
street_address | N° et voie, Adresse du domicile
bank_account | IBAN débiteur
date_of_birth | Date de naiss.
city | Ville de résidence
postal_code | Code postal
employer | Employeur
notes | Observations gestionnaire
opened_on | Date de déblocage
charged_off_on | Date de mise en perte
last_payment_on | Date dernier versement
current_balance | Solde actuel
interest | Intérêts échus
original_creditor | Établissement prêteur
"""),
    "es": headers("""
account_number | Nº de préstamo, Número de operación
client_id | Código cliente
debtor_name | Titular, Nombre y apellidos
first_name | Nombre
last_name | Primer apellido
company_name | Denominación social
national_id | DNI/NIE, Documento de identidad
phone | Teléfono móvil
email | Correo-e
street_address | Dirección postal, Domicilio actual
bank_account | Cuenta corriente (IBAN)
date_of_birth | Fecha nac.
city | Población
postal_code | Cód. postal
employer | Empleador
notes | Observaciones
opened_on | Fecha de formalización
charged_off_on | Fecha de pase a fallido
last_payment_on | Fecha últ. pago
current_balance | Saldo vivo, Deuda actual
interest | Intereses pendientes
original_creditor | Entidad originadora
"""),
    "it": headers("""
account_number | Numero finanziamento, Nr. rapporto
client_id | Codice anagrafico
debtor_name | Intestatario, Cognome e nome
first_name | Nome
last_name | Cognome
company_name | Denominazione
national_id | Cod. Fiscale
phone | Tel. cellulare
email | E-mail
street_address | Indirizzo di residenza
bank_account | IBAN cliente
date_of_birth | Data nascita
city | Comune di residenza
postal_code | C.A.P.
employer | Datore di lavoro
notes | Note recupero
opened_on | Data erogazione
charged_off_on | Data passaggio a sofferenza
last_payment_on | Data ultimo incasso
current_balance | Debito residuo
interest | Interessi di mora
original_creditor | Banca originaria
"""),
    "pt": headers("""
account_number | Nº do empréstimo, Contrato nº
client_id | Nº cliente
debtor_name | Nome do titular
first_name | Nome próprio
last_name | Apelidos
company_name | Razão social
national_id | NIF do cliente, CPF do cliente
phone | Telemóvel, Celular
email | Endereço de e-mail
street_address | Morada completa, Rua e número
bank_account | IBAN do cliente
date_of_birth | Data nasc.
city | Concelho, Cidade
postal_code | Cód. Postal, CEP
employer | Entidade patronal
notes | Observações internas
opened_on | Data da concessão
charged_off_on | Data do write-off
last_payment_on | Data último pagamento
current_balance | Saldo devedor
interest | Juros de mora
original_creditor | Instituição de origem
"""),
    "ru": headers("""
account_number | Номер договора, Номер счета
client_id | Код клиента
debtor_name | ФИО должника, Заемщик
first_name | Имя
last_name | Фамилия
company_name | Наименование организации
national_id | ИНН
phone | Телефон, Мобильный телефон
email | Электронная почта
street_address | Адрес проживания, Улица и дом
date_of_birth | Дата рождения
city | Город
postal_code | Индекс
employer | Работодатель
notes | Комментарий
opened_on | Дата выдачи
charged_off_on | Дата списания
last_payment_on | Дата последнего платежа
current_balance | Остаток долга
interest | Проценты
original_creditor | Первоначальный кредитор
"""),
    "uk": headers("""
account_number | Номер договору
client_id | Код клієнта
debtor_name | ПІБ боржника
first_name | Ім'я
last_name | Прізвище
national_id | ІПН
phone | Телефон
email | Електронна пошта
street_address | Адреса
date_of_birth | Дата народження
city | Місто
postal_code | Поштовий індекс
notes | Примітки
opened_on | Дата видачі
current_balance | Залишок боргу
"""),
    "hr": headers("""
account_number | Broj ugovora, Broj partije
client_id | Šifra klijenta
debtor_name | Ime i prezime dužnika
first_name | Ime
last_name | Prezime
national_id | OIB
phone | Broj mobitela
email | E-pošta
street_address | Adresa, Ulica i kućni broj
date_of_birth | Datum rođenja
city | Grad
postal_code | Poštanski broj
employer | Poslodavac
notes | Napomena
opened_on | Datum odobrenja
last_payment_on | Datum zadnje uplate
current_balance | Stanje duga
interest | Kamate
"""),
    "ro": headers("""
account_number | Nr. contract de credit
client_id | Cod debitor
debtor_name | Nume debitor
first_name | Prenumele
last_name | Numele
company_name | Denumire firmă
national_id | Cod numeric personal
phone | Nr. mobil
email | Adresa de e-mail
street_address | Strada și numărul
date_of_birth | Data naștere
city | Orașul
postal_code | Codul poștal
notes | Mențiuni
current_balance | Sold restant
"""),
    "no": headers("""
account_number | Lånenr., Saksnummer
client_id | Kundenr.
debtor_name | Skyldners navn
first_name | Fornavn
last_name | Etternavn
company_name | Firmanavn
national_id | Fødselsnummer
phone | Mobilnr.
email | E-post
street_address | Gateadresse
date_of_birth | Fødselsdato
city | Poststed
postal_code | Postnummer
employer | Arbeidsgiver
notes | Merknad
opened_on | Utbetalingsdato
last_payment_on | Siste innbetaling
current_balance | Utestående saldo
interest | Forsinkelsesrenter
original_creditor | Opprinnelig kreditor
"""),
    "zh": headers("""
account_number | 贷款编号, 合同编号
client_id | 客户编号
debtor_name | 姓名, 借款人姓名
national_id | 身份证号码
phone | 手机号码, 联系电话
email | 电子邮箱
street_address | 地址
date_of_birth | 出生日期
city | 城市
postal_code | 邮政编码
notes | 备注
current_balance | 贷款余额
"""),
}
