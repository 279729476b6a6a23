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
current_balance | Offener Betrag, Restschuld, Solde, Solde restant dû, Saldo, Saldo pendiente, Saldo zadłużenia, Kwota do zapłaty, Saldo debitore, Saldo residuo
charge_off_balance | Abschreibungsbetrag, Ausbuchungsbetrag, Montant passé en perte, Solde radié, Importe castigado, Saldo fallido, Kwota odpisana, Kwota spisana, Importo passato a perdita, Saldo sofferenza
interest | Zinsen, Zinsbetrag, Intérêts, Montant des intérêts, Intereses, Importe de intereses, Odsetki, Kwota odsetek, Interessi, Importo interessi
invoice_on | Rechnungsdatum, Date de facture, Fecha de factura, Data faktury, Data fattura
due_on | Fälligkeit, Fälligkeitsdatum, Échéance, Date d'échéance, Vencimiento, Fecha de vencimiento, Termin płatności, Scadenza, Data scadenza
invoice_amount | Rechnungsbetrag, Montant de la facture, Importe de la factura, Kwota faktury, Importo fattura
currency | Währung, Währungscode, Devise, Code devise, Moneda, Divisa, Waluta, Kod waluty, Valuta, Codice valuta
"""

# field | beginnings of words that tell a personal column inside a longer header; the first field that fits is taken
STEMS = """
email | mail, courriel, correo, poczt
phone | phone, telef, telep, mobil, movil, cell, handy
bank_account | iban, bankverb, rachun
national_id | ssn, steuer, pesel, dni, nif, fiscale, secu
date_of_birth | birth, dob, gebur, naiss, nacim, urodz, nascita
first_name | vorname, prenom, forename, given, imi
last_name | nachname, surname, apellid, nazwisk, cognom, patronym
street_address | addr, adres, strass, street, direccion, indirizz, calle, ulic, anschrift
debtor_name | schuldner, debtor, debiteur, deudor, dluznik, debitore, kunde, klient
postal_code | zip, plz, postal, postleit
"""


def table(text: str) -> dict[str, tuple[str, ...]]:
    """Field -> its words."""
    lines = (line.split("|") for line in text.strip().splitlines())
    return {name.strip(): tuple(word.strip() for word in words.split(", ")) for name, words in lines}
