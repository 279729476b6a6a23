"""Headers of tapes that are not in English: German, French, Spanish, Polish and Italian, in ordinary commercial use."""

# field | headers, in the order of the languages; accents and case do not matter
ABROAD = """
account_number | Kontonummer, Konto-Nr, Numéro de compte, No compte, Número de cuenta, Nº cuenta, Numer konta, Nr konta, Numero conto, N. conto
client_id | Kundennummer, Kunden-Nr, Numéro client, ID client, ID cliente, Número de cliente, Numer klienta, ID klienta, Codice cliente
invoice_number | Rechnungsnummer, Rechnungs-Nr, Numéro de facture, No facture, Número de factura, Nº factura, Numer faktury, Nr faktury, Numero fattura, N. fattura
agreement_number | Vertragsnummer, Vertrags-Nr, Numéro de contrat, Número de contrato, Numer umowy, Nr umowy, Numero contratto
debtor_name | Schuldner, Nom du débiteur, Nom complet, Nombre del deudor, Nombre completo, Dłużnik, Imię i nazwisko, Debitore, Nominativo
first_name | Vorname, Vornamen, Prénom, Prénoms, Nombre de pila, Primer nombre, Imię, Imiona, Nome di battesimo, Primo nome
last_name | Nachname, Familienname, Nom de famille, Apellido, Apellidos, Nazwisko, Nazwiska, Cognome, Cognomi
company_name | Firma, Firmenname, Raison sociale, Entreprise, Razón social, Empresa, Nazwa firmy, Ragione sociale, Azienda
national_id | Steuer-ID, Steuernummer, NIR, Numéro de sécurité sociale, DNI, NIF, PESEL, Numer PESEL, NIP, Codice fiscale, CF, Partita IVA
phone | Telefon, Telefonnummer, Téléphone, Numéro de téléphone, Teléfono, Móvil, Telefon kontaktowy, Numer telefonu, Telefono, Cellulare
email | E-Mail-Adresse, Courriel, Adresse e-mail, Correo electrónico, Correo, Adres e-mail, Poczta elektroniczna, Posta elettronica, Indirizzo e-mail
street_address | Straße, Anschrift, Adresse, Rue, Dirección, Calle, Adres, Ulica, Indirizzo, Via
bank_account | Bankverbindung, Compte bancaire, Cuenta bancaria, Rachunek bankowy, Conto bancario
date_of_birth | Geburtsdatum, Geboren am, Date de naissance, Né le, Fecha de nacimiento, Nacido el, Data urodzenia, Urodzony, Data di nascita, Nato il
city | Ort, Stadt, Ville, Commune, Ciudad, Población, Miasto, Miejscowość, Città, Comune
postal_code | PLZ, Postleitzahl, Code postal, CP, Código postal, C.P., Kod pocztowy, CAP, Codice postale
country | Land, Pays, País, Kraj, Paese
notes | Bemerkung, Notiz, Remarques, Commentaire, Notas, Comentarios, Uwagi, Notatki, Note, Commenti
original_creditor | Gläubiger, Ursprungsgläubiger, Créancier, Créancier initial, Acreedor, Acreedor original, Wierzyciel, Pierwotny wierzyciel, Creditore, Creditore originario
debt_type | Forderungsart, Kreditart, Type de créance, Type de prêt, Tipo de deuda, Tipo de préstamo, Rodzaj długu, Typ kredytu, Tipo di debito, Tipo credito
opened_on | Eröffnungsdatum, Vertragsdatum, Date d'ouverture, Date du contrat, Fecha de apertura, Fecha de contrato, Data otwarcia, Data umowy, Data apertura, Data contratto
charged_off_on | Abschreibungsdatum, Ausbuchungsdatum, Date de passage en perte, Date de radiation, Fecha de castigo, Fecha de fallido, Data odpisania, Data spisania, Data passaggio a perdita, Data sofferenza
last_payment_on | Letzte Zahlung, Letztes Zahlungsdatum, Date du dernier paiement, Dernier paiement, Fecha del último pago, Último pago, Data ostatniej wpłaty, Ostatnia wpłata, Data ultimo pagamento, Ultimo pagamento
current_balance | Offener Betrag, Offen, Offene Forderung, Offener Posten, Offener Saldo, Restschuld, Restbetrag, Restsaldo, Restforderung, Solde, Solde restant dû, Restant dû, Reste dû, Reste à payer, Montant dû, Montant restant, Saldo, Saldo pendiente, Pendiente, Pendiente de pago, Importe pendiente, Deuda pendiente, Saldo zadłużenia, Kwota do zapłaty, Do zapłaty, Pozostało do zapłaty, Kwota zaległa, Saldo debitore, Saldo residuo, Residuo, Importo residuo, Da pagare, Importo da pagare
charge_off_balance | Abschreibungsbetrag, Ausbuchungsbetrag, Montant passé en perte, Solde radié, Importe castigado, Saldo fallido, Kwota odpisana, Kwota spisana, Importo passato a perdita, Saldo sofferenza
interest | Zinsen, Zinsbetrag, Intérêts, Montant des intérêts, Intereses, Importe de intereses, Odsetki, Kwota odsetek, Interessi, Importo interessi
invoice_on | Rechnungsdatum, Date de facture, Fecha de factura, Data faktury, Data fattura
due_on | Fälligkeit, Fälligkeitsdatum, Échéance, Date d'échéance, Vencimiento, Fecha de vencimiento, Termin płatności, Scadenza, Data scadenza
original_amount | Ursprungsbetrag, Ursprünglicher Betrag, Urspr. Betrag, Anfangsbetrag, Montant initial, Montant d'origine, Importe original, Importe inicial, Importo originario, Importo iniziale, Kwota pierwotna, Kwota początkowa
invoice_amount | Rechnungsbetrag, Montant de la facture, Importe de la factura, Kwota faktury, Importo fattura
currency | Währung, Währungscode, Devise, Code devise, Moneda, Divisa, Waluta, Kod waluty, Valuta, Codice valuta
"""

# field | beginnings of words that tell a personal column inside a longer header, whole words with `=`; the first that fits is taken
PERSONAL = """
email | -mail, mail, email, eposta, epost, courriel, correo, poczt, eposta, pochta
phone | -phone, -telefon, -telephone, phone, telef, telep, tele=, tel=, tfno, tlf, mobil, movil, cell=, cellphone, cellular, celular, handy=, handynummer, fax, rufnummer, portable, komork, cellul, telemov, puhelin, gsm=, msisdn, ph=, dianhua, fone=, contacto=, matkapuhel
bank_account | rekeningnr, iban, bankverb, kontoverb, bankkonto, rachunek, rachunk, rib=, rekening, bankrek, bic=, swift, routing
date_of_birth | dogum, fodelsed, narozeni, nastere, syntyma, birth, dob=, gebur, geb=, geboor, naiss, nacim, nascim, urodz, ur=, nascita, fodel, fodsel, rozhd, narozen, syntym, dogum
national_id | ssn, social, socsec, steuer, idnr, taxid, pesel, dni, nif=, nie=, nifnie, fiscal, fiscale, codfiscale, secu=, securite, insee, sin=, nino=, bsn=, burgerservice, cpf=, cnpj=, curp=, rfc=, cuit=, cnp=, personnummer, personnr, cpr=, fodselsnr, hetu, inn=, snils, afm=, amka, aadhaar, pan=, nhs=, medicare, tin=, ein=, itin=, siren=, siret=, nip=, regon, krs=, passport, nationalid, identifiant, ewidencyjny, tckimlik, kimlik, egn=, oib=, cedula, contribuinte, shenfenzheng
identity_document | license, licence, licens, ausweis, dowod, vin=, ip=, ipaddr, device, plate, isin=
first_name | isim=, ad=, fornavn, jmeno=, prenume, keresztnev, ime=, firstname, fname, fst=, forename, given, vorname, rufname, prenom, imie, imion, voornaam, fornavn, fornamn, etunimi, imya, onoma=, christian
last_name | soyad, soyadi, prijmeni, nume=, vezeteknev, prezime, lastname, lname, surname, nachname, zuname, familienname, apellid, nazwisk, cognom, patronym, achternaam, sobrenome, apelido, efternamn, etternavn, sukunimi, familiya, eponymo, maiden, middle, suffix=
street_address | adr=, -street, -strasse, -adresse, -address, zam=, logradouro, ulice, adresa, cim=, lakcim, osoite, addr, adres, strass, street, direccion, direc=, indirizz, calle, ulic, anschrift, domicil, residenc, resident, residenz, wohnanschrift, endereco, morada, straat, gatuadress, osoite, diefth, dizhi, house, apartment, latitude, longitude, zamieszkan, via=, rue=
debtor_name | borclu, adsoyad, galdenar, gaeldenar, dluznik, datornic, velallinen, skyldner, defendant, debiteur, schuldner, debtor, debiteur, deudor, dluznik, debitore, devedor, kunde, klient, kundenname, obligor, cardholder, accountholder, holder, titular, titulaire, intestatario, intestataria, consumer, borrower, payer, payor, lessee, tenant, patient, policyholder, insured, beneficiary, xingming, fullname, mieter, kreditnehmer, guarantor, cosigner, spouse, comaker, emprunteur, client, customer, debiteurnaam, klantnaam, navn, naam, namn, name=, names=, nm=, -name, naziv, nombre=, nominativ, denominaz, intitule, garant=, garante=, avalist, fiador, burge=, caution=, relative=, attending, respparty, osobowe
company_name | firma, firmenname, raison, entreprise, razon, nazwafirmy, ragione, azienda, bedrijf, dba=, organisation, organization, company, business
client_id | musteri, klantnr, klantnummer, debiteurnr, kundnr, kundnummer, kundenr, cif=, urn=, customercode, custno, custid, custnum, clientid, kundennr, kdnr, kundennummer, patientid, memberid, mrn=, recid, partyid, counterpartyid, partnernummer
account_number | vorgang, sygn=, sygnatur, expte=, expedient, docket, -nummer, ndg=, hesap, contrato, contractnr, leningnr, leningnummer, dossiernummer, avtalsn, avtalenr, lanenummer, lanenr, laaneaftale, smlouv, agreement, lan=, ourref, kredinumarasi, vertrag=, contract=, acct, account, kontonr, kontonum, aktenzeichen, dossier, loanid, loanno, loannum, acctno, reference, refno, ref=, caseno, casenumber, fileno, debtid, contractno, konto, konta, conto, cuenta
postal_code | -zip, zip, plz, postal, postleit, postcode, cep=, kodpoczt
"""

# Words that turn a personal word into something about a category or a figure: Debtor Type, Customer Score, E-Mail Opt-In.
ANALYTIC_WORDS = tuple(
    (
        "type typ= typo tipo rodzaj categ kateg segment rating score status stat= count cnt= class klasse klasa risk grade tier group since tenure "
        "consent optin opt= valid verified avail indicator ind= flag flg= source channel frequency term= rate= ratio percent pct number_of bal "
        "amt amount saldo solde zadluz balance encours betrag kwota importe importo montant limit paid payment pmt interest fee currency ccy "
        "age= months days years bucket stage language lang= product prod= portfolio creditor cred= glaubiger wierzyciel creancier acreedor lender bank= "
        "open close closed charge chg= writeoff default delinq due= past= ltv dti apr= purpose collateral quality role count state= country "
        "exposure sector industry cedent cedant size= legal= relationship deceased opened utilization utilisation -type -status -code plan= pool= tranche agency region dealer vendor file= franchise brand merchant store= retailer program facility hospital fac= servicer branch bankname industr -amount -balance -date -saldo -betrag"
    ).split()
)

# concept | words of headers that stand for it
CONCEPTS = """
balance | -saldo, -betrag, -summe, -amount, -balance, hauptford, gesamtford, razem=, gbv=, reclamad, bakiye, skuld, schulden, divida, devedor, tutar, belopp, dluh, datorie, bal, balance, saldo, solde, amt, amount, owed, owing, betrag, summe, kwota, importe, importo, montant, encours, outstanding, forderung, restschuld, zadluz, schuld=, deuda, dovuto, pendiente, nalezn, esposizione, exposure, residuo, bedrag, valor, belop, castka, value, total
date | -date, -datum, tarihi, datum, dag=, paiva, pvm=, date, dt=, datum, data=, fecha, day=, on=, dated, when, tag=, dzien, dnia, am=, le=, f=, fec=, il=, dato, datumi
last | laatste, senaste, seneste, son=, posledni, ultima, viimeinen, last, lst=, latest, recent, letzt, dernier, dern=, ultim, ult=, ostatni, ost=, laatste, zuletzt, senaste, sidste
payment | odeme, betalning, platb, plat=, pagamento, maksu, emi=, pay=, pmt, payment, paid, zahlung, bezahlt, eingang, paiement, reglement, pago, wplat, platnosc, pagament, versament, abono, betaling, paymt, pymt
chargeoff | -chargeoff, grosschargeoff, abate, abatido, baixa, baixad, prejuizo, afboek, avskriv, afskriv, zarar, odepsan, npa=, chargeoff, chargedoff, chgoff, chgdoff, co=, writeoff, writtenoff, wo=, abschreib, abgeschrieb, ausbuch, ausgebucht, perte, radi, castig, fallid, odpis, spisan, sofferenz, perdit, charge=, chg=, written=, write=, afschrijv, baja=
off | abate, abatido, baixa, baixad, prejuizo, afboek, avskriv, afskriv, zarar, odepsan, npa=, off, off=, contable, perte, abschreib, abgeschrieb, ausbuch, ausgebucht, radi, castig, fallid, odpis, spisan, sofferenz, perdit, chargeoff, chargedoff, chgoff, writeoff, writtenoff, co=, wo=, afschrijv
open | approvaldate, ingang, avtal, start, acilis, sozlesme, contrata, sanction, agreement=, open, opn=, opened, origin, orig=, eroffn, vertragsbeginn, abschluss, ouverture, octroi, souscription, apertura, alta=, formaliz, otwarc, zawarc, udziel, erogaz, stipula, booked, disburs, funded, issued=, inception, contrat, contrato, contratto, vertrag, umowy
delinquent | decheance, wymagaln, delinq, dlq, dofd=, default, verzug, defaut, impag, incumpl, moros, insolut, zalegl, pastdue, arrear
due | due=, faellig, fallig, echeance, vencim, termin, scaden, maturity, verfall
invoice | invoice, inv=, rechnung, rg=, rgbetrag, rgdatum, rgdat, re=, facture, factura, faktur, fattur, bill=, billing
interest | ods=, -zinsen, ranta, rantebel, faiz, juros, urok, dobanda, korko, interest, int=, zins, interet, interes, odsetk, rente=, juros
principal | principal, prin, kapital, capital, upb=, hauptforderung, hauptsumme, capitale
fees | -kosten, -gebuhr, fee, fees, gebuhr, frais, comision, gastos, oplat, spese, cost, costs, charges=, nebenkosten
creditor | bankname, cred=, iss=, alacakli, borgenar, langivare, kredietverstrekker, credor, veritel, velkoja, kreditor, banka, lending, lender, creditor, glaubiger, altglaubiger, forderungsinhaber, creancier, acreedor, wierzyciel, creditore, lender, preteur, cedant, prestamista, cedente, cedent, originator, issuer, grantor, kreditgeber, bank=, banca=, banco=, entidad, schuldeiser
type | soort, typ=, turu, modalidade, druh, tyyppi, laji, type, typ=, art=, tipo, rodzaj, kateg, categ, nature, natura, clase, class, kind, segment, produktart, subtype, kreditart, forderungsart
product | product, prod=, produkt, produit, producto, prodotto
debt | krediet, lening, lan=, lantyp, fordran, divida, kredi=, borc, uver, datorii, laina, debt, loan, credit=, account, acct, asset, forderung, forderungsart, kredit, kreditart, dette, creance, pret, deuda, prestamo, dlug, kredyt, wierzytel, debito, credito, portfolio, portf
currency | currency, ccy=, wahrung, waehrung, devise, monnaie, moneda, divisa, waluta, waluty, valuta, money
original | orig, original, initial, urspr, anfangs, pierwotn, poczatk, iniziale, inicial, high=, limit, disburs, gross, financed
current | offen=, offene=, offener=, offenes=, rest=, restant, reste=, pendiente, residu, pozostal, zaleg, curr, current, cur=, now=, aktuell, actuel, actual, biezac, attuale, present
rate | rate=, apr=, zinssatz, taux, tasa, stopa, tasso
debtor | debtor, borrower, customer, obligor, consumer, client, schuldner, debiteur, deudor, dluznik, debitore, kunden
industry | industry, naics, nace, sic=, branche, sector, pkd=, ateco
statute | statute, limitation, oos=, sol=, timebar, verjahr, prescri, przedawn
city | sehir, ilce, il=, postort, mesto, oras, kaupunki, ciudad, city, town, ort=, wohnort, stadt, gemeinde, ville, localite, commune, ciudad, localidad, municip, poblac, miast, miejsc, gmina, citta, comune, localita, suburb, cidade, plaats, woonplaats, stad=, gorod
notes | log=, vermerk, diary, journal, aciklama, anteckn, opmerk, poznam, observa, note, notes, comment, remark, memo, bemerk, anmerk, gesprach, notiz, remarq, observ, anotac, uwagi, notat, koment, adnot, osserv, annot, commenti, history, narrative, freetext
country | country, land=, pays, pais, kraj, paese, nation, domicilecountry
employer | employer, poe=, employ, occupation, job=, jobtitle, arbeitgeber, employeur, empleador, pracodaw, datore
"""

# field | the concepts that its header needs; the first line that is met is taken
RULES = """
last_payment_amount | last payment balance
last_payment_on | last payment date
last_payment_on | last payment
charge_off_balance | chargeoff off balance
charged_off_on | chargeoff off date
charged_off_on | chargeoff off
out_of_statute_on | statute date
delinquent_on | delinquent date
invoice_amount | invoice balance
invoice_on | invoice date
due_on | due date
opened_on | open date
debt_type | debt type
debtor_type | debtor type
product | product type
product | product
currency | currency
original_creditor | creditor
interest | interest balance
principal | principal balance
fees | fees balance
original_amount | original balance
current_balance | current balance
notes | notes
employer | employer
city | city
country | country
industry_code | industry
interest | interest
principal | principal
fees | fees
current_balance | balance
"""


def table(text: str) -> dict[str, tuple[str, ...]]:
    """Field -> its words."""
    lines = (line.split("|") for line in text.strip().splitlines())
    return {name.strip(): tuple(word.strip() for word in words.split(", ")) for name, words in lines}
