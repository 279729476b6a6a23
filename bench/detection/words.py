"""Words for generated tapes: names, places, notes, and two vocabularies of headers that share no header."""

_GIVEN = {
    "en": "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica Thomas Karen Carlos Sarah Daniel Lisa Matthew Nancy Anthony Sandra Mark Ashley Steven Emily Paul Donna Andrew Michelle Kevin Carol Brian Amanda George Melissa",
    "de": "Hans Anna Peter Ursula Klaus Monika Jürgen Petra Stefan Sabine Uwe Renate Andreas Helga Wolfgang Karin Bernd Brigitte Dieter Ingrid Horst Gisela Günter Gabriele Heinz Claudia Jens Susanne Kai Birgit Ralf Heike Torsten Silke Sven Anja Lars Nicole Timo Katrin",
    "fr": "Jean Marie Pierre Nathalie Michel Isabelle André Sylvie Philippe Catherine Alain Martine Bernard Françoise Christophe Sandrine Nicolas Céline Laurent Valérie Olivier Sophie Julien Julie Thierry Véronique Pascal Aurélie Sébastien Christine Éric Brigitte Denis Hélène Luc Chantal Yves Élodie Rémi Camille",
    "es": "José María Antonio Carmen Manuel Josefa Francisco Isabel Juan Dolores Pedro Pilar Jesús Teresa Ángel Rosa Luis Cristina Javier Ana Miguel Lucía Rafael Elena Diego Marta Álvaro Laura Sergio Paula Pablo Sara Iván Raquel Óscar Silvia Rubén Beatriz Adrián Nuria",
    "pl": "Jan Anna Andrzej Maria Piotr Katarzyna Krzysztof Małgorzata Stanisław Agnieszka Tomasz Barbara Paweł Ewa Józef Krystyna Marcin Elżbieta Marek Zofia Michał Jadwiga Grzegorz Danuta Jerzy Teresa Łukasz Monika Adam Joanna Zbigniew Dorota Jakub Beata Dariusz Aleksandra Henryk Renata Mateusz Halina",
    "it": "Giuseppe Maria Giovanni Anna Antonio Giuseppina Mario Rosa Luigi Angela Francesco Giovanna Angelo Teresa Vincenzo Lucia Pietro Carmela Salvatore Caterina Carlo Francesca Franco Antonietta Domenico Carla Bruno Elena Paolo Concetta Michele Rita Giorgio Margherita Aldo Franca Sergio Paola Luciano Laura",
}
_SURNAMES = {
    "en": "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green",
    "de": "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser",
    "fr": "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Perrin",
    "es": "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina Morales Suárez Ortega Delgado Castro Ortiz Rubio Marín Sanz Núñez",
    "pl": "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Jankowski Mazur Wojciechowski Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Michalski Król Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Stępień Malinowski Jaworski Adamczyk Dudek Nowicki Pawlak Górski Witkowski Walczak",
    "it": "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini Costa Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo Gentile Martinelli Vitale Lombardo Serra Coppola De_Santis D'Angelo Marchetti",
}
_CITIES = {
    "en": "Austin,Denver,Portland,Columbus,Mesa,Tampa,Oakland,Tulsa,Wichita,Arlington,Aurora,Anaheim,Riverside,Lexington,Stockton,Henderson,Newark,Saint Paul,Plano,Lincoln,Orlando,Irvine,Toledo,Durham",
    "de": "Köln,Essen,Bremen,Dresden,Hannover,Leipzig,Nürnberg,Duisburg,Bochum,Wuppertal,Bielefeld,Bonn,Münster,Karlsruhe,Mannheim,Augsburg,Kiel,Aachen,Halle,Krefeld,Freiburg,Lübeck,Erfurt,Mainz",
    "fr": "Lyon,Toulouse,Nice,Nantes,Montpellier,Lille,Rennes,Reims,Toulon,Grenoble,Dijon,Angers,Nîmes,Brest,Le Mans,Amiens,Tours,Limoges,Metz,Besançon,Orléans,Rouen,Caen,Nancy",
    "es": "Valencia,Sevilla,Zaragoza,Málaga,Murcia,Palma,Bilbao,Alicante,Córdoba,Valladolid,Vigo,Gijón,Granada,Elche,Oviedo,Cartagena,Jerez,Pamplona,Almería,Burgos,Salamanca,Albacete,Logroño,Huelva",
    "pl": "Kraków,Łódź,Wrocław,Poznań,Gdańsk,Szczecin,Lublin,Katowice,Gdynia,Radom,Toruń,Kielce,Gliwice,Zabrze,Olsztyn,Rzeszów,Tychy,Opole,Elbląg,Płock,Tarnów,Chorzów,Kalisz,Koszalin",
    "it": "Milano,Napoli,Torino,Palermo,Genova,Bologna,Firenze,Bari,Catania,Verona,Messina,Padova,Trieste,Brescia,Parma,Prato,Modena,Perugia,Livorno,Ravenna,Cagliari,Foggia,Rimini,Salerno",
}
_STREETS = {
    "en": "Oak St,Maple Ave,Cedar Ln,Pine Rd,Elm Street,Lake Dr,Hill Blvd,Park Ave,Main St,Washington Ave,2nd St,River Rd",
    "de": "Hauptstraße,Schulstr.,Gartenweg,Bahnhofstraße,Dorfstraße,Bergstr.,Lindenallee,Kirchplatz,Birkenweg,Ringstraße",
    "fr": "rue de la Paix,avenue Foch,rue Victor Hugo,boulevard Voltaire,place du Marché,rue des Lilas,chemin du Moulin,allée des Pins",
    "es": "Calle Mayor,Avenida del Sol,Calle Real,Plaza España,Paseo de Gracia,Calle del Carmen,Camino Viejo,Ronda Norte",
    "pl": "ul. Polna,ul. Leśna,ul. Słoneczna,al. Wolności,ul. Krótka,ul. Szkolna,os. Zielone,pl. Wolności,ul. Ogrodowa",
    "it": "Via Roma,Via Garibaldi,Corso Italia,Piazza Dante,Via Mazzini,Viale Europa,Via Verdi,Vicolo Stretto,Via Cavour",
}
_NOTES = {
    "en": "called twice no answer,left message with spouse,promised to pay on friday,wrong number,asked for validation,returned mail",
    "de": "zweimal angerufen,Ratenzahlung vereinbart,Schreiben kam zurück,bittet um Stundung,keine Antwort bisher,will Rechnung prüfen",
    "fr": "appelé deux fois,courrier retourné à l'envoyeur,demande un échéancier,sans réponse depuis mai,conteste le montant total",
    "es": "llamado dos veces,carta devuelta al remitente,pide un plazo mayor,sin respuesta desde mayo,promete pagar el viernes",
    "pl": "dzwoniono dwa razy,list wrócił do nadawcy,prosi o raty,brak odpowiedzi od maja,obiecał zapłacić w piątek",
    "it": "chiamato due volte,lettera tornata al mittente,chiede una dilazione,nessuna risposta da maggio,promette di pagare venerdì",
}

GIVEN = {language: words.split() for language, words in _GIVEN.items()}
SURNAMES = {language: [word.replace("_", " ") for word in words.split()] for language, words in _SURNAMES.items()}
CITIES = {language: words.split(",") for language, words in _CITIES.items()}
STREETS = {language: words.split(",") for language, words in _STREETS.items()}
NOTES = {language: words.split(",") for language, words in _NOTES.items()}

# kind | en | de | fr | es | pl | it; in each language: headers of the dev half / headers of the sealed half
_HEADERS = """
account_number | Acct Number, account_num / Acct Nbr, Account Key | Kontonummer, Konto-Nr / Aktenzeichen, Debitorenkonto | Numéro de compte, No compte / Réf dossier, Numéro de dossier | Número de cuenta, Nº cuenta / Ref. expediente, Núm. de préstamo | Numer konta, Nr konta / Numer sprawy, Nr rachunku klienta | Numero conto, N. conto / Numero pratica, Rif. posizione
client_id | Client Number, Cust No / Customer Ref, Party Id | Kundennummer, Kunden-Nr / Kunden-ID, Partnernummer | Numéro client, ID client / Code client, Réf client | ID cliente, Número de cliente / Cód. cliente, Ref. cliente | Numer klienta, ID klienta / Kod klienta, Nr kontrahenta | Codice cliente, ID cliente / N. cliente, Codice anagrafica
debtor_name | Debtor Name, Full Name / Obligor, Consumer Full Name | Schuldner, Name / Schuldnername, Kundenname | Nom du débiteur, Nom complet / Débiteur, Titulaire | Nombre del deudor, Nombre completo / Deudor, Titular | Dłużnik, Imię i nazwisko / Nazwa dłużnika, Klient | Debitore, Nominativo / Nome debitore, Intestatario
first_name | First Name, Given Name / Fst Nm, Forename 1 | Vorname, Vornamen / Rufname, Vorname Schuldner | Prénom, Prénoms / Prénom client, Premier prénom | Nombre de pila, Primer nombre / Nombre titular, Nombre deudor | Imię, Imiona / Imię klienta, Pierwsze imię | Nome di battesimo, Primo nome / Nome cliente, Nome intestatario
last_name | Last Name, Surname / Lst Nm, Family Nm | Nachname, Familienname / Zuname, Nachname Schuldner | Nom de famille, Nom / Nom client, Patronyme | Apellido, Apellidos / Primer apellido, Apellidos titular | Nazwisko, Nazwiska / Nazwisko klienta, Nazwisko rodowe | Cognome, Cognomi / Cognome cliente, Cognome intestatario
national_id | SSN, Social Security No / SSN Nbr, Soc Sec Num | Steuer-ID, Steuernummer / Steuerliche IdNr, IdNr | NIR, Numéro de sécurité sociale / No sécu, N° INSEE | DNI, NIF / Doc. identidad, NIF/NIE | PESEL, Numer PESEL / Nr PESEL, Nr ewidencyjny | Codice fiscale, CF / Cod. fiscale, Cod.Fisc.
phone | Home Phone, Cell Phone / Ph Nbr, Primary Tel | Telefon, Telefonnummer / Mobilnummer, Rufnummer | Téléphone, Numéro de téléphone / Tél portable, Tél. domicile | Teléfono, Móvil / Tel. contacto, Nº móvil | Telefon kontaktowy, Numer telefonu / Tel. komórkowy, Nr tel. | Telefono, Cellulare / Recapito telefonico, N. cellulare
email | Email Address, E-mail / Email Addr, Electronic Mail | E-Mail, E-Mail-Adresse / Mailadresse, Kontakt-Mail | Courriel, Adresse e-mail / Adresse électronique, Mél | Correo electrónico, Correo / E-mail contacto, Direc. correo | Adres e-mail, Poczta elektroniczna / Mail kontaktowy, E-mail klienta | Posta elettronica, Indirizzo e-mail / Mail cliente, Contatto e-mail
street_address | Street Address, Address 1 / Addr Line One, Residence | Straße, Anschrift / Strasse und Hausnummer, Wohnanschrift | Adresse, Rue / Adresse postale, Domicile | Dirección, Calle / Domicilio, Direc. postal | Adres, Ulica / Adres zamieszkania, Ulica i numer | Indirizzo, Via / Residenza, Indirizzo residenza
bank_account | IBAN, Bank Account / Bank Acct IBAN, Direct Debit Acct | Bankverbindung, IBAN / Bankkonto, IBAN-Nummer | Compte bancaire, IBAN / Coordonnées bancaires, RIB | Cuenta bancaria, IBAN / IBAN domiciliación, Cta. bancaria | Rachunek bankowy, IBAN / Nr IBAN, Konto bankowe | Conto bancario, IBAN / Coordinate bancarie, Cod. IBAN
date_of_birth | Date of Birth, DOB / Birth Day, D.O.B. | Geburtsdatum, Geboren am / Geb.-Datum, Geburtstag | Date de naissance, Né le / Naissance, Date naiss. | Fecha de nacimiento, Nacido el / F. nacimiento, Fec. nac. | Data urodzenia, Urodzony / Data ur., Dzień urodzenia | Data di nascita, Nato il / Nascita, Dt. nascita
city | City, Town / Municipality Name, City Nm | Ort, Stadt / Wohnort, Gemeinde | Ville, Commune / Localité, Ville résidence | Ciudad, Población / Localidad, Municipio | Miasto, Miejscowość / Miejsce zamieszkania, Gmina | Città, Comune / Località, Città residenza
postal_code | Zip Code, Zip / Zip5 Code, Postal | PLZ, Postleitzahl / PLZ Ort, PLZ Wohnort | Code postal, CP / Code postal client, Cod. postal | Código postal, C.P. / Cód. postal, CP cliente | Kod pocztowy, Kod / Kod poczt., Kod pocztowy klienta | CAP, Codice postale / Cod. CAP, CAP residenza
notes | Notes, Comments / Collector Remarks, Work Notes | Bemerkung, Notiz / Anmerkungen, Gesprächsnotiz | Remarques, Commentaire / Observations, Notes dossier | Notas, Comentarios / Observaciones, Anotaciones | Uwagi, Notatki / Komentarz, Adnotacje | Note, Commenti / Osservazioni, Annotazioni
original_creditor | Original Creditor, Lender / Orig Creditor Nm, Grantor | Gläubiger, Ursprungsgläubiger / Altgläubiger, Forderungsinhaber | Créancier, Créancier initial / Prêteur, Cédant | Acreedor, Acreedor original / Prestamista, Entidad cedente | Wierzyciel, Pierwotny wierzyciel / Bank udzielający, Cedent | Creditore, Creditore originario / Banca cedente, Cedente
debt_type | Debt Type, Account Type / Debt Category, Portfolio Segment | Forderungsart, Kreditart / Produktart, Art der Forderung | Type de créance, Type de prêt / Nature de la dette, Catégorie | Tipo de deuda, Tipo de préstamo / Clase de deuda, Categoría | Rodzaj długu, Typ kredytu / Rodzaj wierzytelności, Kategoria | Tipo di debito, Tipo credito / Natura del credito, Categoria
opened_on | Open Date, Origination Date / Orig Dt, Acct Opened On | Eröffnungsdatum, Vertragsdatum / Vertragsbeginn, Abschlussdatum | Date d'ouverture, Date du contrat / Date d'octroi, Date souscription | Fecha de apertura, Fecha de contrato / F. formalización, F. alta | Data otwarcia, Data umowy / Data zawarcia umowy, Data udzielenia | Data apertura, Data contratto / Data erogazione, Data stipula
charged_off_on | Charge Off Date, CO Date / Chg-off Day, Written Off On | Abschreibungsdatum, Ausbuchungsdatum / Ausgebucht am, Datum Abschreibung | Date de passage en perte, Date de radiation / Passé en perte le, Date perte | Fecha de castigo, Fecha de fallido / F. fallido, F. baja contable | Data odpisania, Data spisania / Data odpisu, Spisano dnia | Data passaggio a perdita, Data sofferenza / Data write-off, Dt. sofferenza
last_payment_on | Last Payment Date, Last Pay Date / Lst Pmt On, Most Recent Payment Dt | Letzte Zahlung, Letztes Zahlungsdatum / Zuletzt bezahlt am, Letzter Zahlungseingang | Date du dernier paiement, Dernier paiement / Dernier règlement, Date dern. règlement | Fecha del último pago, Último pago / F. último pago, Últ. abono | Data ostatniej wpłaty, Ostatnia wpłata / Data ost. płatności, Ostatnia płatność | Data ultimo pagamento, Ultimo pagamento / Dt. ult. pagamento, Ultimo versamento
current_balance | Current Balance, Balance Due / Curr Bal Amt, Amount Outstanding Now | Offener Betrag, Restschuld / Gesamtforderung, Aktueller Saldo | Solde, Solde restant dû / Montant dû, Encours | Saldo, Saldo pendiente / Deuda total, Importe pendiente | Saldo zadłużenia, Kwota do zapłaty / Zadłużenie łączne, Należność | Saldo debitore, Saldo residuo / Importo dovuto, Esposizione
charge_off_balance | Charge Off Balance, CO Amount / Chg-off Amt, Written Off Amount | Abschreibungsbetrag, Ausbuchungsbetrag / Ausgebuchter Betrag, Abgeschriebener Saldo | Montant passé en perte, Solde radié / Perte comptabilisée, Montant radié | Importe castigado, Saldo fallido / Importe fallido, Baja contable | Kwota odpisana, Kwota spisana / Odpis, Odpisana należność | Importo passato a perdita, Saldo sofferenza / Importo sofferenza, Perdita
interest | Interest, Accrued Interest / Int Accr Amt, Interest Owing | Zinsen, Zinsbetrag / Aufgelaufene Zinsen, Verzugszinsen | Intérêts, Montant des intérêts / Intérêts courus, Intérêts de retard | Intereses, Importe de intereses / Intereses devengados, Int. de demora | Odsetki, Kwota odsetek / Odsetki naliczone, Odsetki karne | Interessi, Importo interessi / Interessi maturati, Int. di mora
currency | Currency, Currency Code / Ccy Cd, Money Unit | Währung, Währungscode / Devise ISO, Währungskennz. | Devise, Code devise / Monnaie, Devise ISO | Moneda, Divisa / Cód. divisa, Código moneda | Waluta, Kod waluty / Symbol waluty, Waluta umowy | Valuta, Codice valuta / Divisa ISO, Cod. valuta
"""


def _vocabulary(half: int) -> dict[str, dict[str, dict[str, list[str]]]]:
    result: dict[str, dict[str, dict[str, list[str]]]] = {language: {} for language in GIVEN}
    for line in _HEADERS.strip().splitlines():
        kind, *cells = (cell.strip() for cell in line.split(" | "))
        for language, cell in zip(GIVEN, cells, strict=True):
            result[language][kind] = [header.strip() for header in cell.split(" / ")[half].split(", ")]
    return result


HEADERS = {"dev": _vocabulary(0), "sealed": _vocabulary(1)}
