"""Countries of the harder tapes: how names, numbers, addresses and headers look there. `OPEN` may be looked at while detection is improved."""

# ruff: noqa: RUF001  # the dotless i is a letter of Turkish

import random
from collections.abc import Callable
from dataclasses import dataclass

from stdnum import luhn


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def fill(rng: random.Random, pattern: str) -> str:
    """A pattern with `#` for a digit, `%` for a digit but 0, `@` for a capital letter."""
    return "".join(
        {
            "#": lambda: rng.choice("0123456789"),
            "%": lambda: rng.choice("123456789"),
            "@": lambda: rng.choice("ABCDEFGHJKLMNPRSTVWXYZ"),
        }.get(c, lambda c=c: c)()
        for c in pattern
    )


@dataclass(frozen=True)
class Locale:
    """`headers` is kind -> headers, in the language that the tape's seller writes."""

    given: list[str]
    family: list[str]
    streets: list[str]
    cities: list[str]
    phones: list[str]
    postal: str
    day: str
    national: Callable[[random.Random], str]
    headers: dict[str, list[str]]
    iban: str = ""
    house_first: bool = False
    comma: bool = True
    family_first: bool = False


def headers(text: str) -> dict[str, list[str]]:
    lines = (line.split("|") for line in text.strip().splitlines())
    return {kind.strip(): [header.strip() for header in headers.split(",")] for kind, headers in lines}


def bsn(rng: random.Random) -> str:
    while True:
        text = fill(rng, "%########")
        if sum(int(c) * w for c, w in zip(text, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0:
            return text


def nif_pt(rng: random.Random) -> str:
    head = rng.choice("12") + digits(rng, 7)
    check = 11 - sum(int(c) * w for c, w in zip(head, range(9, 1, -1), strict=True)) % 11
    return head + str(check if check < 10 else 0)


def personnummer(rng: random.Random) -> str:
    head = f"{rng.randrange(45, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}{digits(rng, 3)}"
    return f"{head[:6]}-{head[6:]}{luhn.calc_check_digit(head)}"


def cpf(rng: random.Random) -> str:
    head = digits(rng, 9)
    for size in (10, 11):
        rest = sum(int(c) * w for c, w in zip(head, range(size, 1, -1), strict=True)) * 10 % 11
        head += str(rest % 10)
    return f"{head[:3]}.{head[3:6]}.{head[6:9]}-{head[9:]}"


def nino(rng: random.Random) -> str:
    return fill(rng, rng.choice(["AB", "CE", "JK", "PR", "SX", "YZ"])) + fill(rng, "######") + rng.choice("ABCD")


def pan(rng: random.Random) -> str:
    return fill(rng, "@@@") + "P" + fill(rng, "@####@")


def tckimlik(rng: random.Random) -> str:
    head = [int(c) for c in fill(rng, "%########")]
    tenth = (sum(head[::2]) * 7 - sum(head[1::2])) % 10
    return "".join(map(str, [*head, tenth, (sum(head) + tenth) % 10]))


OPEN: dict[str, Locale] = {
    "nl": Locale(
        "Sanne Daan Emma Sem Lotte Bram Fleur Thijs Femke Jeroen Marloes Pieter Anouk Ruben Wouter Maaike Joost Iris Koen Eline Niels Roos Stijn Nienke".split(),
        "de Vries,Jansen,van den Berg,Bakker,Visser,Smit,Meijer,de Boer,Mulder,de Groot,Bos,Vos,Peters,Hendriks,van Leeuwen,Dekker,Brouwer,de Wit,Dijkstra,Smits".split(
            ","
        ),
        "Kerkstraat,Dorpsstraat,Molenweg,Schoolstraat,Julianalaan,Stationsplein,Prinsengracht,Havenkade,Lindelaan,Wilhelminaweg".split(
            ","
        ),
        "Utrecht,Eindhoven,Tilburg,Groningen,Almere,Breda,Nijmegen,Apeldoorn,Haarlem,Arnhem,Zaandam,Amersfoort".split(
            ","
        ),
        ["06-########", "06 ########", "+31 6 ########", "0%# ### ## ##", "(0%#) ### ####"],
        "%### @@",
        "%d-%m-%Y",
        bsn,
        headers("""
account_number | Dossiernummer, Contractnr, Leningnummer
client_id | Klantnummer, Debiteurnr
debtor_name | Naam debiteur, Naam, Klantnaam
first_name | Voornaam, Voornamen
last_name | Achternaam, Familienaam
national_id | BSN, Burgerservicenummer
phone | Telefoonnummer, Mobiel, Tel. nr.
email | E-mailadres, Email
street_address | Adres, Straat en huisnummer
bank_account | IBAN, Rekeningnummer
date_of_birth | Geboortedatum, Geb. datum
city | Woonplaats, Plaats
postal_code | Postcode
notes | Opmerkingen, Notities
original_creditor | Oorspronkelijke schuldeiser, Kredietverstrekker
debt_type | Soort krediet, Type lening
opened_on | Ingangsdatum, Datum contract
charged_off_on | Afschrijvingsdatum, Datum afboeking
last_payment_on | Laatste betaling, Datum laatste betaling
current_balance | Openstaand saldo, Openstaand bedrag
charge_off_balance | Afgeschreven bedrag, Bedrag afboeking
interest | Rente, Rentebedrag
"""),
        "NL##INGB##########",
    ),
    "pt": Locale(
        "Maria João Ana Tiago Beatriz Rui Inês Duarte Catarina Gonçalo Mariana Nuno Leonor Bruno Sofia Hugo Carolina Vasco Joana Filipe".split(),
        "Silva,Santos,Ferreira,Pereira,Oliveira,Costa,Rodrigues,Martins,Sousa,Fernandes,Gonçalves,Gomes,Lopes,Marques,Almeida,Ribeiro".split(
            ","
        ),
        "Rua das Flores,Rua do Carmo,Avenida da Liberdade,Travessa do Forno,Praça da República,Rua de Santa Catarina,Largo do Rato".split(
            ","
        ),
        "Porto,Braga,Coimbra,Setúbal,Faro,Évora,Aveiro,Leiria,Viseu,Funchal,Guimarães,Sintra,Cascais".split(","),
        ["9% ### ## ##", "9########", "+351 9## ### ###", "2## ### ###"],
        "####-###",
        "%d/%m/%Y",
        nif_pt,
        headers("""
account_number | Número do contrato, Nº contrato, N.º de processo
client_id | Número de cliente, ID do cliente
debtor_name | Nome do devedor, Nome completo, Devedor
first_name | Primeiro nome, Nome próprio
last_name | Apelido, Sobrenome
national_id | NIF, Contribuinte, N.º de contribuinte
phone | Telemóvel, Telefone, Contacto telefónico
email | E-mail, Correio eletrónico
street_address | Morada, Endereço
bank_account | IBAN, Conta bancária
date_of_birth | Data de nascimento, Dt. nascimento
city | Localidade, Cidade
postal_code | Código postal, Cód. postal
notes | Observações, Notas
original_creditor | Credor original, Banco cedente
debt_type | Tipo de crédito, Tipo de dívida
opened_on | Data de abertura, Data do contrato
charged_off_on | Data de abate, Data de perda
last_payment_on | Data do último pagamento, Último pagamento
current_balance | Saldo em dívida, Montante em dívida
charge_off_balance | Montante abatido, Valor abatido
interest | Juros, Juros vencidos
"""),
        "PT50#####################",
    ),
    "se": Locale(
        "Erik Karin Lars Anna Anders Maria Johan Eva Nils Kristina Per Birgitta Mikael Elisabeth Fredrik Margareta Olof Ingrid Gustav Linnea Axel Elsa".split(),
        "Johansson,Andersson,Karlsson,Nilsson,Eriksson,Larsson,Olsson,Persson,Svensson,Gustafsson,Pettersson,Jonsson,Lindberg,Lindström,Sjöberg".split(
            ","
        ),
        "Storgatan,Kungsgatan,Skolvägen,Ringvägen,Björkgatan,Drottninggatan,Kyrkogatan,Parkvägen".split(","),
        "Göteborg,Malmö,Uppsala,Västerås,Örebro,Linköping,Helsingborg,Norrköping,Lund,Umeå,Gävle,Borås".split(","),
        ["07#-### ## ##", "+46 7# ### ## ##", "08-### ## ##", "07########"],
        "### ##",
        "%Y-%m-%d",
        personnummer,
        headers("""
account_number | Avtalsnummer, Kontonr, Lånenummer
client_id | Kundnummer, Kundnr
debtor_name | Gäldenär, Namn
first_name | Förnamn
last_name | Efternamn
national_id | Personnummer, Personnr
phone | Telefon, Mobilnummer
email | E-post, E-postadress
street_address | Gatuadress, Adress
bank_account | IBAN, Bankkonto
date_of_birth | Födelsedatum
city | Ort, Postort
postal_code | Postnummer, Postnr
notes | Anteckningar, Kommentar
original_creditor | Ursprunglig borgenär, Långivare
debt_type | Lånetyp, Typ av fordran
opened_on | Startdatum, Avtalsdatum
charged_off_on | Avskrivningsdatum
last_payment_on | Senaste betalning, Datum senaste betalning
current_balance | Utestående skuld, Saldo
charge_off_balance | Avskrivet belopp
interest | Ränta, Räntebelopp
"""),
        "SE####################",
    ),
    "uk": Locale(
        "Oliver Amelia George Isla Harry Ava Jack Freya Alfie Poppy Charlie Imogen Oscar Saoirse Rhys Cerys Angus Mhairi Declan Orla Imran Priya Kwame Zainab".split(),
        "Smith,Jones,Taylor,Davies,Evans,Thomas,Johnson,Roberts,Walker,Wright,Robinson,Thompson,Hughes,Patel,Khan,O'Brien,Macdonald,Campbell,Okafor,Begum".split(
            ","
        ),
        "High Street,Station Road,Church Lane,Victoria Road,Green Lane,Manor Close,The Crescent,Mill Lane,Park View,Kings Drive".split(
            ","
        ),
        "Leeds,Sheffield,Bradford,Wakefield,Cardiff,Coventry,Leicester,Sunderland,Belfast,Nottingham,Hull,Plymouth".split(
            ","
        ),
        ["07### ######", "+44 7### ######", "01## ### ####", "020 7### ####", "07#########"],
        "@@# #@@",
        "%d/%m/%Y",
        nino,
        headers("""
account_number | Agreement Ref, Account Reference, Our Ref
client_id | Customer Ref, URN
debtor_name | Customer Full Name, Account Holder, Defendant
first_name | Forename, Forename(s)
last_name | Surname
national_id | NI Number, NINO
phone | Mobile Tel, Daytime Telephone, Tel No.
email | Email Address, Contact email
street_address | Address Line 1, Correspondence Address
bank_account | IBAN, Bank Acc IBAN
date_of_birth | D.O.B, Date of Birth
city | Town, Post Town
postal_code | Post Code, Postcode
notes | Agent Notes, Comments
original_creditor | Originating Lender, Original Lender
debt_type | Product Type, Account Category
opened_on | Agreement Date, Date Opened
charged_off_on | Default Write-off Date, Charge-off Dt
last_payment_on | Last Payment Dt, Date Last Paid
current_balance | Outstanding Bal, Balance O/S
charge_off_balance | Written Off Amt, Charge-off Bal
interest | Interest Accrued, Int. to date
"""),
        "GB##NWBK##############",
        house_first=True,
        comma=False,
    ),
    "in": Locale(
        "Rajesh Priya Amit Sunita Vikram Anjali Suresh Deepika Arjun Kavya Manoj Neha Sanjay Pooja Ravi Lakshmi Harpreet Fatima Mohammed Ayesha Ganesh Meera".split(),
        "Sharma,Patel,Singh,Kumar,Reddy,Iyer,Nair,Gupta,Khan,Das,Banerjee,Mehta,Joshi,Rao,Chaudhary,Pillai,Desai,Verma".split(
            ","
        ),
        "MG Road,Gandhi Nagar,Nehru Street,Park Street,Anna Salai,Linking Road,Station Road,Lake View Colony".split(
            ","
        ),
        "Mumbai,Pune,Chennai,Hyderabad,Jaipur,Lucknow,Kanpur,Nagpur,Indore,Kochi,Surat,Bhopal".split(","),
        ["+91 9#### #####", "98########", "+91-8#########", "7#### #####"],
        "%#####",
        "%d-%b-%Y",
        pan,
        headers("""
account_number | Loan A/c No, LAN, Loan Account Number
client_id | CIF No, Customer Code
debtor_name | Borrower Name, Name of Borrower
first_name | First Name
last_name | Last Name
national_id | PAN No, PAN Card
phone | Mobile No, Registered Mobile
email | Email ID, E-Mail Id
street_address | Residence Address, Address1
bank_account | Beneficiary IBAN
date_of_birth | DOB, Birth Date
city | City
postal_code | Pin Code 6, Postal Code
notes | Remarks, Field Agent Remarks
original_creditor | Lending Institution, Bank Name
debt_type | Loan Type, Loan Product
opened_on | Disbursal Date, Sanction Date
charged_off_on | Write-off Date, NPA Date
last_payment_on | Last Paid Date, Last EMI Date
current_balance | Total Outstanding, POS
charge_off_balance | Write-off Amount
interest | Interest Overdue, Int Outstanding
"""),
        "GB##NWBK##############",
        house_first=True,
        comma=False,
    ),
    "br": Locale(
        "José Francisca Antônio Adriana João Juliana Francisco Márcia Carlos Fernanda Paulo Patrícia Pedro Aline Lucas Camila Luiz Amanda Marcos Letícia".split(),
        "da Silva,dos Santos,Oliveira,Souza,Rodrigues,Ferreira,Alves,Pereira,Lima,Gomes,Ribeiro,Carvalho,Barbosa,Nascimento,Araújo".split(
            ","
        ),
        "Rua Sete de Setembro,Avenida Brasil,Rua XV de Novembro,Avenida Paulista,Rua São José,Travessa Boa Vista".split(
            ","
        ),
        "Campinas,Recife,Fortaleza,Curitiba,Manaus,Belém,Goiânia,Santos,Niterói,Londrina,Maceió,Natal".split(","),
        ["(%%) 9####-####", "(%%) ####-####", "+55 11 9####-####"],
        "#####-###",
        "%d/%m/%Y",
        cpf,
        headers("""
account_number | Contrato, Nº do Contrato, Cod. Contrato
client_id | Cód. Cliente, Código do Cliente
debtor_name | Nome do Cliente, Nome Devedor
first_name | Primeiro Nome
last_name | Sobrenome, Último Sobrenome
national_id | CPF, CPF/CNPJ
phone | Celular, Telefone Residencial, Fone
email | E-mail, Email do cliente
street_address | Logradouro, Endereço
bank_account | IBAN
date_of_birth | Data Nasc., Data de Nascimento
city | Cidade, Município
postal_code | CEP
notes | Observação, Histórico de contato
original_creditor | Credor Original, Banco
debt_type | Tipo de Produto, Modalidade
opened_on | Data da Contratação, Dt. Abertura
charged_off_on | Data da Baixa, Dt. Prejuízo
last_payment_on | Data Últ. Pagamento, Último Pagamento
current_balance | Saldo Devedor, Valor em Aberto
charge_off_balance | Valor Baixado, Valor em Prejuízo
interest | Juros, Juros de Mora
"""),
        "BR######################@#",
    ),
    "tr": Locale(
        "Mehmet Fatma Mustafa Ayşe Ahmet Emine Ali Hatice Hüseyin Zeynep Hasan Elif İbrahim Meryem Osman Şerife Yusuf Büşra Kemal Gülşen".split(),
        "Yılmaz,Kaya,Demir,Çelik,Şahin,Yıldız,Öztürk,Aydın,Özdemir,Arslan,Doğan,Kılıç,Aslan,Çetin,Kurt".split(","),
        "Atatürk Caddesi,Cumhuriyet Mahallesi,İnönü Sokak,Gazi Bulvarı Sokak,Lale Sokak".split(","),
        "Ankara,İzmir,Bursa,Adana,Konya,Antalya,Gaziantep,Kayseri,Mersin,Eskişehir,Samsun,Trabzon".split(","),
        ["05## ### ## ##", "+90 5## ### ## ##", "0%## ### ## ##"],
        "#####",
        "%d.%m.%Y",
        tckimlik,
        headers("""
account_number | Hesap No, Kredi Numarası
client_id | Müşteri No, Müşteri Numarası
debtor_name | Borçlu Adı, Ad Soyad
first_name | Ad, İsim
last_name | Soyad, Soyadı
national_id | TC Kimlik No, T.C. Kimlik
phone | Telefon, Cep Telefonu
email | E-posta, E-Posta Adresi
street_address | Adres, Ev adresi
bank_account | IBAN
date_of_birth | Doğum Tarihi
city | Şehir, İl
postal_code | Posta Kodu
notes | Notlar, Açıklama
original_creditor | Alacaklı, Banka Adı
debt_type | Kredi Türü, Borç Türü
opened_on | Açılış Tarihi, Sözleşme Tarihi
charged_off_on | Zarar Yazma Tarihi
last_payment_on | Son Ödeme Tarihi
current_balance | Güncel Bakiye, Borç Tutarı
charge_off_balance | Zarar Yazılan Tutar
interest | Faiz, Faiz Tutarı
"""),
        "TR########################",
    ),
}
