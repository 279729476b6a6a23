"""Countries of the first sealed half: open since the second was sealed, and still the same tapes."""

import random

from stdnum import luhn

from bench.detection.locales import Locale, digits, fill, headers


def rodne_cislo(rng: random.Random) -> str:
    while True:
        text = f"{rng.randrange(54, 99)}{rng.choice((0, 50)) + rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{digits(rng, 4)}"
        if int(text) % 11 == 0:
            return f"{text[:6]}/{text[6:]}"


def cpr(rng: random.Random) -> str:
    return (
        f"{rng.randrange(1, 29):02}{rng.randrange(1, 13):02}{rng.randrange(40, 99)}-{rng.randrange(4)}{digits(rng, 3)}"
    )


def cnp(rng: random.Random) -> str:
    head = f"{rng.choice('12')}{rng.randrange(45, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{rng.randrange(1, 41):02}{rng.randrange(1, 1000):03}"
    rest = sum(int(c) * int(w) for c, w in zip(head, "279146358279", strict=True)) % 11
    return head + str(1 if rest == 10 else rest)


def idnr_za(rng: random.Random) -> str:
    head = f"{rng.randrange(45, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{digits(rng, 4)}08"
    return head + luhn.calc_check_digit(head)


def curp(rng: random.Random) -> str:
    head = f"{fill(rng, '@')}{rng.choice('AEIOU')}{fill(rng, '@@')}{rng.randrange(45, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{rng.choice('HM')}DF"
    head += "".join(rng.choice("BCDFGHJKLMNPQRSTVWXYZ") for _ in range(3)) + rng.choice("0123456789")
    values = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(values.index(c) * (18 - i) for i, c in enumerate(head))
    return head + str(-total % 10)


OPENED: dict[str, Locale] = {
    "cz": Locale(
        "Jiří Jana Tomáš Lucie Pavel Veronika Martin Kateřina Ondřej Barbora Lukáš Michaela Zdeněk Šárka Radek Iveta Miloš Dagmar Libor Renáta".split(),
        "Novák,Svobodová,Dvořák,Černá,Procházka,Kučerová,Veselý,Horáková,Němec,Pospíšil,Havlíček,Šimková,Beneš,Urban,Zeman,Vlček".split(
            ","
        ),
        "Nádražní,Husova,Palackého,Na Příkopě,Školní,Zahradní,Dlouhá,Jiráskova".split(","),
        "Brno,Ostrava,Plzeň,Liberec,Olomouc,Zlín,Pardubice,Jihlava,Teplice,Kladno,Opava".split(","),
        ["+420 ### ### ###", "6## ### ###", "7########"],
        "### ##",
        "%d.%m.%Y",
        rodne_cislo,
        headers("""
account_number | Číslo smlouvy, Č. účtu
client_id | Číslo klienta, ID dlužníka
debtor_name | Dlužník, Jméno a příjmení
first_name | Jméno, Křestní jméno
last_name | Příjmení
national_id | Rodné číslo, RČ
phone | Telefon, Mobil
email | E-mail, Elektronická pošta
street_address | Adresa, Ulice a č.p.
bank_account | IBAN, Bankovní účet
date_of_birth | Datum narození
city | Město, Obec
postal_code | PSČ
notes | Poznámka
original_creditor | Původní věřitel, Banka
debt_type | Druh úvěru, Typ pohledávky
opened_on | Datum uzavření, Datum smlouvy
charged_off_on | Datum odpisu
last_payment_on | Poslední platba
current_balance | Dlužná částka, Zůstatek
charge_off_balance | Odepsaná částka
interest | Úrok
"""),
        "CZ####################",
    ),
    "dk": Locale(
        "Mette Lars Camilla Jens Louise Søren Henriette Mads Trine Jesper Rikke Kasper Lone Thomas Pia Brian Dorthe Kenneth Ditte Flemming".split(),
        "Nielsen,Jensen,Hansen,Pedersen,Andersen,Christensen,Larsen,Sørensen,Rasmussen,Jørgensen,Madsen,Kristensen,Olsen,Thomsen,Møller".split(
            ","
        ),
        "Nørregade,Vestergade,Kirkevej,Skolegade,Strandvejen,Bredgade,Møllevej".split(","),
        "Aarhus,Odense,Aalborg,Esbjerg,Randers,Kolding,Horsens,Vejle,Roskilde,Herning,Silkeborg".split(","),
        ["+45 ## ## ## ##", "+45 ########", "%# ## ## ##"],
        "####",
        "%d-%m-%Y",
        cpr,
        headers("""
account_number | Aftalenummer, Lånenummer
client_id | Kundenummer, Debitornr.
debtor_name | Skyldner, Navn
first_name | Fornavn
last_name | Efternavn
national_id | CPR-nr., Personnummer
phone | Telefonnummer, Mobiltlf.
email | E-mail, Mailadresse
street_address | Vej og nr., Adresse
bank_account | IBAN
date_of_birth | Fødselsdato
city | By, Postdistrikt
postal_code | Postnr.
notes | Bemærkninger
original_creditor | Oprindelig kreditor, Långiver
debt_type | Lånetype, Gældstype
opened_on | Oprettet den, Aftaledato
charged_off_on | Afskrivningsdato
last_payment_on | Seneste betaling
current_balance | Restgæld, Udestående beløb
charge_off_balance | Afskrevet beløb
interest | Renter
"""),
        "DK################",
    ),
    "mx": Locale(
        "Guadalupe Alejandra Ximena Regina Emiliano Diego Leonardo Fernanda Mauricio Itzel Ramiro Yolanda Eduardo Norma Arturo Leticia Ernesto Araceli".split(),
        "Hernández García,Martínez López,González Pérez,Rodríguez Ramírez,Sánchez Flores,Cruz Morales,Reyes Jiménez,Torres Vargas,Mendoza Aguilar,Ortiz Salazar,Castillo Luna,Juárez Ríos".split(
            ","
        ),
        "Calle Morelos,Avenida Juárez,Calle Benito Juárez,Avenida Insurgentes,Calle 5 de Mayo,Privada Hidalgo,Calle Allende".split(
            ","
        ),
        "Guadalajara,Monterrey,Puebla,Tijuana,León,Mérida,Querétaro,Toluca,Cancún,Saltillo,Morelia".split(","),
        ["55 #### ####", "+52 55 #### ####", "(%%) #### ####"],
        "#####",
        "%d/%m/%Y",
        curp,
        headers("""
account_number | No. de crédito, Número de contrato
client_id | No. de cliente, Clave de cliente
debtor_name | Nombre del acreditado, Nombre del cliente
first_name | Nombre(s)
last_name | Apellidos
national_id | CURP
phone | Teléfono celular, Tel. casa
email | Correo electrónico, Correo
street_address | Domicilio, Calle y número
bank_account | Cuenta IBAN
date_of_birth | Fecha nacimiento, Fec. Nac.
city | Ciudad, Municipio
postal_code | C.P., Código Postal
notes | Comentarios del gestor
original_creditor | Institución otorgante, Acreedor original
debt_type | Tipo de crédito, Producto
opened_on | Fecha de otorgamiento, Fecha apertura
charged_off_on | Fecha de quebranto, Fecha castigo
last_payment_on | Fecha último pago
current_balance | Saldo insoluto, Adeudo total
charge_off_balance | Monto castigado
interest | Intereses moratorios
"""),
        "ES######################",
        comma=False,
    ),
    "ro": Locale(
        "Andrei Ioana Mihai Elena Alexandru Maria Ștefan Cristina Gabriel Roxana Ionuț Mihaela Vlad Oana Sorin Lavinia Dragoș Camelia".split(),
        "Popescu,Ionescu,Popa,Radu,Dumitru,Stan,Stoica,Gheorghe,Matei,Ciobanu,Rusu,Munteanu,Lazăr,Tudor,Barbu,Enache".split(
            ","
        ),
        "Strada Florilor,Bd. Unirii,Strada Mihai Eminescu,Strada Libertății,Aleea Teilor,Strada Republicii".split(","),
        "Cluj-Napoca,Timișoara,Iași,Constanța,Craiova,Brașov,Galați,Ploiești,Oradea,Sibiu,Bacău".split(","),
        ["07## ### ###", "+40 7## ### ###", "07########", "021 ### ####"],
        "######",
        "%d.%m.%Y",
        cnp,
        headers("""
account_number | Număr contract, Nr. credit
client_id | Cod client, ID client
debtor_name | Debitor, Nume și prenume
first_name | Prenume
last_name | Nume de familie
national_id | CNP
phone | Telefon mobil, Nr. telefon
email | Adresă e-mail, Email
street_address | Adresă domiciliu, Adresa
bank_account | Cont IBAN
date_of_birth | Data nașterii
city | Localitate, Oraș
postal_code | Cod poștal
notes | Observații
original_creditor | Creditor inițial, Banca cedentă
debt_type | Tip credit
opened_on | Data contractului, Data acordării
charged_off_on | Data scoaterii în afara bilanțului
last_payment_on | Data ultimei plăți
current_balance | Sold curent, Sumă datorată
charge_off_balance | Suma scoasă din bilanț
interest | Dobândă
"""),
        "RO##BTRL################",
    ),
    "za": Locale(
        "Thabo Nomsa Sipho Lerato Johan Anele Kagiso Riaan Zanele Pieter Bongani Refilwe Francois Ayanda Mpho Elna Tshepo Nthabiseng".split(),
        "Nkosi,Dlamini,Botha,Naidoo,van der Merwe,Mokoena,Khumalo,Pillay,Pretorius,Zulu,Mahlangu,Venter,Sithole,Govender,Ndlovu".split(
            ","
        ),
        "Nelson Mandela Drive,Church Street,Voortrekker Road,Beyers Naude Drive,Long Street,Kloof Road,Jan Smuts Avenue".split(
            ","
        ),
        "Durban,Pretoria,Polokwane,Bloemfontein,Soweto,Benoni,Kimberley,Nelspruit,Rustenburg,Stellenbosch,Welkom".split(
            ","
        ),
        ["0%# ### ####", "+27 %# ### ####", "08########"],
        "####",
        "%Y/%m/%d",
        idnr_za,
        headers("""
account_number | Acc No, Loan Ref
client_id | Client Ref No, Cust Code
debtor_name | Consumer, Debtor Fullname
first_name | Firstname, Name 1
last_name | Lastname, Surname
national_id | RSA ID, ID Number
phone | Cellphone, Contact No
email | E Mail, Email Addr
street_address | Res Address, Physical Address
bank_account | IBAN No
date_of_birth | Date of birth, Birthdate
city | Town/City, Suburb
postal_code | Post Code, PCode
notes | Call Notes, Feedback
original_creditor | Credit Provider, Bank
debt_type | Facility Type, Credit Type
opened_on | Date Account Opened, Inception Date
charged_off_on | Handover / Write-off Date, Date Charged Off
last_payment_on | Last Receipt Date, Last Paid On
current_balance | Current O/S Balance, Capital + Interest Due
charge_off_balance | Amount Written Off
interest | Interest Charged
"""),
        "GB##NWBK##############",
        house_first=True,
        comma=False,
    ),
}
