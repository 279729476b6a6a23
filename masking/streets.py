"""Where somebody lives: streets and houses as many countries write them, alone or with the town behind."""

# letters of Greek and Cyrillic are meant

import re
from collections.abc import Sequence
from functools import lru_cache

from masking.people import plain
from masking.scripts import lettered
from masking.shares import fits, share

_STREET_EN = (
    r"street|avenue|road|boulevard|lane|drive|court|place|way|terrace|circle|highway|hwy|parkway|pkwy|square|trail|close|crescent|gardens|"
    r"grove|mews|row|walk|alley|loop|plaza|st|ave|av|rd|blvd|ln|dr|ct|pl|ter|terr|cir|sq|trl|apt|apartment|suite|ste|unit|cres|pde|parade"
)
STREET = re.compile(
    rf"(?:no\.? ?|flat |unit |apt\.? )?\d+[a-z]?(?:[-/]\d+\w?)?,? .*\b(?:{_STREET_EN})\b.*"
    r"|\d+[a-z]?,? (?:bis |ter )?(?:rue|avenue|av\.?|boulevard|bd|place|chemin|all[ée]e|impasse|quai|cours|route|square|faubourg)\b.*"
    r"|.*(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|damm|ufer|ring|straat|laan|plein|gracht|kade|dijk|gatan|v[äa]gen|gade|vej|gata|veien|"
    r"katu|tie|utca|[uú]t|t[ée]r) \d+ ?[a-z]?(?:[-/ ].*)?"
    r"|(?:ul\.|al\.|os\.|pl\.|ulica|aleja|calle|c/|avda?\.?|avenida|paseo|plaza|camino|ronda|carrera|via|viale|corso|piazza|vicolo|largo|"
    r"strada|rua|travessa|pra[çc]a|av\.|str\.|strada|bulevardul|bd\.|ulitsa|prospekt|улица|ул\.|пр\.|οδός)\s.*\d+\w?.*"
    r"|.*\b(?:mahallesi|mah\.|sokak|sok\.|cad\.|caddesi|nagar|marg|chowk|bagh)\b.*|.*\d+-\d+-\d+.*(?:ku|shi|cho)\b.*"
    r"|(?:p\.? ?o\.? ?box|postfach|bo[îi]te postale|bp|apartado|skrytka|casella postale|postbus)\s+\d+.*"
    r"|\d{1,5} [A-Za-z][\w' .-]+(?: (?:#|apt|suite|unit|no\.?) ?\w+)",
    re.IGNORECASE,
)
HOUSE_FIRST = re.compile(r"\d{1,5}(?:[/-]\d{1,5})*[a-z]?,? [^\W\d_].{3,40}", re.IGNORECASE)
HOUSE_LAST = re.compile(
    r"[^\W\d_][^\d,;:]{3,40},? (?:nr\.? ?|no\.? ?|n[º°] ?|č\.p\. ?)?\d{1,4} ?[a-z]?(?:[-/]\d+)?", re.IGNORECASE
)
STREET_NAME = re.compile(
    rf"[^\d@]{{2,40}}\b(?:{_STREET_EN}|rue|straße|strasse|straat|gatan|via|calle)\.?", re.IGNORECASE
)
STATED = re.compile(r"[^\W\d_]{2,}")
NUMBERED = re.compile(r"(?<![\d.,])\d{1,5}(?![\d.,]*\d)")
NO_ADDRESS = re.compile(r"[@:;!?=%$€£]")
SIGNED = re.compile(
    r"[省市区县縣區郡町村路街巷弄號号都府県]|丁目|番地|[^\W\d_](?:시|구|군|로|길|동|읍|면|가|거리)(?:[ \d]|$)"
)
"""What parts of Chinese, Japanese and Korean addresses end with."""

# Words for ways and parts of an address, in plain Latin letters: those of US Postal Service Publication 28 (public domain), and
# those of other languages from general knowledge.
_WORDS = """
street avenue road boulevard lane drive court place terrace circle highway hwy parkway pkwy square trail close crescent gardens mews
alley loop plaza st ave rd blvd ln dr ct pl ter cir sq trl apt apartment suite ste cres pde parade estate estates esplanade expressway
fork forks freeway gateway glen glens heights hollow island isle junction junctions knoll knolls landing manor meadow meadows mission
motorway overpass passage pike pine pines plains ports prairie ramp ranch rapid rapids rest ridge ridges run shoal shoals shore shores
skyway springs spur spurs stravenue summit throughway trace track trafficway tunnel turnpike underpass union valley via viaduct view views
village ville vista walks wall ways wells brooks bypass causeway centers cliff cliffs common commons corner corners course courts cove
coves creek crossing crossroad curve dale dam divide drives bend bluff bluffs bottom branch bridge brook burg burgs camp canyon cape club
flat flats studio floor block sector phase colony house circus ford green lodge mall orchard gardens broadway wharf quay rise path
rue avenue boulevard chemin allee impasse quai cours route faubourg sentier passage villa residence
strasse str weg allee platz gasse damm ufer ring steig
calle c avda av avenida paseo pasaje plaza camino ronda carrera callejon glorieta cuesta alameda urbanizacion vial rambla acceso privada
calzada andador retorno boulevard diagonal jiron prolongacion circuito periferico eje colonia manzana lote
via viale corso piazza vicolo largo strada contrada borgo rotonda stretto incrocio canale piazzetta lungomare localita frazione
rua travessa praca alameda estrada rodovia beco ladeira avenida quadra setor parque viela esplanada loteamento
ul ulica al aleja os osiedle pl plac ulice nam namesti namestie nabrezi trida cesta cesti trg pot put setaliste prilaz obala bb
strada str bulevardul bd aleea intrarea soseaua calea splaiul piata bl sc
ulitsa prospekt pereulok bulvar naberezhnaya shosse proezd pr pr-t per b-r ploshchad alleya mikroraion dom d kv
vulitsya vul prosp provulok prov ulitsya
utca ut ter korut koz setany
katu tie polku kuja
gatan gata vagen vej gade gaten veien allé stien
jalan jl gang gg kampung komplek
duong pho so ngo ngach khu ap thon quan phuong
mahallesi mah sokak sok sokagi cad caddesi bulvari apartmani kuce kucesi prospekti
nagar marg chowk bagh ganj sadak gali path tole galli peth wadi salai teru
odos leoforos plateia od leof parodos
shari sharia nahj hayy zanqat
rehov rechov rch sderot shd simtat
khyaban khiaban kuche kucheh blvar bolvar pelak
thanon soi mu moo
poghots poghoc kucha
"""
_ENDINGS = (
    "strasse straat laan plein gracht kade dijk gatan vagen gade vej gata veien katu tie polku kuja utca weg platz gasse allee damm "
    "ufer steeg dreef baan boulevard singel pad hof tori torget torg gaten vegen stien svingen bakken kroken lia toppen stigen grand "
    "tee lei"
).split()
WORDS = frozenset(_WORDS.split())
ENDINGS = tuple(ending for ending in _ENDINGS if len(ending) > 3)

_ABROAD = re.compile(
    lettered(
        r"улиц|(?:^|[ ,])ул[. ]|просп|переул|(?:^|[ ,])пер[. ]|бульв|наб\.|набереж|шоссе|(?:^|[ ,])ш\. |вулиц|вул\.|провул|площ|проезд|алле"
        r"|οδός|λεωφ|πάροδο|πλατεία|شارع|نهج|حي |طريق|خیابان|کوچه|بلوار|پلاک|بزرگراه|میدان|רחוב|רח |שדרות|שד |סמטת"
        r"|मार्ग|रोड|नगर|पथ|गली|सड़क|चौक|टोल|वडा|সড়ক|রোড|লেন|গলি|தெரு|சாலை|ถนน|ซอย|หมู่|ქუჩა|ქ\.|გამზირ|փողոց|պողոտ|đường|phố|số |ngõ"
    )
)
"""Of ways in other scripts, without marks."""


def is_street(cell: str) -> bool:
    return len(cell) <= 120 and fits(STREET, cell)


@lru_cache(maxsize=1 << 16)
def names_a_way(cell: str) -> bool:
    """Whether a word of the cell is one for a street, a house or a part of a town."""
    if len(cell) > 160:
        return False
    if not cell.isascii() and (_ABROAD.search(lettered(cell).casefold()) or len(SIGNED.findall(cell)) >= 2):
        return True
    words = re.findall(r"[a-z]+", plain(cell))
    return any(word in WORDS or word.endswith(ENDINGS) for word in words)


def is_housed(cell: str) -> bool:
    """Whether words and the number of a house stand together, as in an address and unlike in a sentence."""
    if len(cell) > 120 or NO_ADDRESS.search(cell):
        return False
    if fits(HOUSE_FIRST, cell) or fits(HOUSE_LAST, cell) or is_street(cell):
        return True
    return bool(STATED.search(cell) and NUMBERED.search(cell) and (names_a_way(cell) or "," in cell))


def look_like_addresses(cells: Sequence[str]) -> bool:
    """Words with the number of a house, nearly all different; or names of streets."""
    if share(cells, lambda cell: is_street(cell) or fits(STREET_NAME, cell)) >= 0.8:
        return True
    distinct = len(set(cells))
    if distinct < max(5, 0.5 * len(cells)):
        return False
    ways, housed = share(cells, names_a_way), share(cells, is_housed)
    if ways >= 0.6 and (housed >= 0.6 or share(cells, _is_name_of_way) >= 0.8):
        return True
    if housed < 0.8:
        return False
    numbers = {re.sub(r"\D", "", cell)[:5] for cell in cells}
    stems = {re.sub(r"[\d\W]+", " ", cell).strip().casefold() for cell in cells}
    return len(numbers) > 5 and len(stems) > 4


def _is_name_of_way(cell: str) -> bool:
    return len(cell.split()) <= 7 and names_a_way(cell)
