"""Countries by their ISO 3166-1 codes and the names that lists and people use for them. Data and one look-up."""

from functools import lru_cache
from typing import Final

from market.compliance.screening.names import plain

_TABLE: Final = """
AF AFG afghanistan|AL ALB albania|DZ DZA algeria|AD AND andorra|AO AGO angola|AG ATG antigua and barbuda|AR ARG argentina
AM ARM armenia|AU AUS australia|AT AUT austria|AZ AZE azerbaijan|BS BHS bahamas,bahamas the,the bahamas|BH BHR bahrain
BD BGD bangladesh|BB BRB barbados|BY BLR belarus|BE BEL belgium|BZ BLZ belize|BJ BEN benin|BM BMU bermuda|BT BTN bhutan
BO BOL bolivia|BA BIH bosnia and herzegovina,bosnia,bosnia herzegovina|BW BWA botswana|BR BRA brazil|BN BRN brunei|BG BGR bulgaria
BF BFA burkina faso|BI BDI burundi|KH KHM cambodia|CM CMR cameroon|CA CAN canada|CV CPV cape verde,cabo verde|KY CYM cayman islands
CF CAF central african republic|TD TCD chad|CL CHL chile|CN CHN china,peoples republic of china,prc|CO COL colombia
KM COM comoros|CG COG congo,congo republic of the,republic of the congo|CD COD democratic republic of the congo,congo democratic republic of the,drc
CR CRI costa rica|CI CIV cote d ivoire,cote divoire,ivory coast|HR HRV croatia|CU CUB cuba|CY CYP cyprus|CZ CZE czech republic,czechia
DK DNK denmark|DJ DJI djibouti|DM DMA dominica|DO DOM dominican republic|EC ECU ecuador|EG EGY egypt|SV SLV el salvador
GQ GNQ equatorial guinea|ER ERI eritrea|EE EST estonia|SZ SWZ eswatini,swaziland|ET ETH ethiopia|FJ FJI fiji|FI FIN finland
FR FRA france|GA GAB gabon|GM GMB gambia,gambia the,the gambia|GE GEO georgia|DE DEU germany|GH GHA ghana|GI GIB gibraltar
GR GRC greece|GD GRD grenada|GT GTM guatemala|GG GGY guernsey|GN GIN guinea|GW GNB guinea bissau|GY GUY guyana|HT HTI haiti
HN HND honduras|HK HKG hong kong|HU HUN hungary|IS ISL iceland|IN IND india|ID IDN indonesia
IR IRN iran,iran islamic republic of,islamic republic of iran|IQ IRQ iraq|IE IRL ireland|IM IMN isle of man|IL ISR israel
IT ITA italy|JM JAM jamaica|JP JPN japan|JE JEY jersey|JO JOR jordan|KZ KAZ kazakhstan|KE KEN kenya
KP PRK korea north,north korea,democratic peoples republic of korea,dprk|KR KOR korea south,south korea,republic of korea,korea
XK XKX kosovo|KW KWT kuwait|KG KGZ kyrgyzstan|LA LAO laos|LV LVA latvia|LB LBN lebanon|LS LSO lesotho|LR LBR liberia|LY LBY libya
LI LIE liechtenstein|LT LTU lithuania|LU LUX luxembourg|MO MAC macau,macao|MG MDG madagascar|MW MWI malawi|MY MYS malaysia
MV MDV maldives|ML MLI mali|MT MLT malta|MH MHL marshall islands|MR MRT mauritania|MU MUS mauritius|MX MEX mexico|MD MDA moldova
MC MCO monaco|MN MNG mongolia|ME MNE montenegro|MA MAR morocco|MZ MOZ mozambique|MM MMR myanmar,burma|NA NAM namibia|NP NPL nepal
NL NLD netherlands,the netherlands,holland|NZ NZL new zealand|NI NIC nicaragua|NE NER niger|NG NGA nigeria
MK MKD north macedonia,macedonia,north macedonia the republic of|NO NOR norway|OM OMN oman|PK PAK pakistan|PW PLW palau
PS PSE palestinian,palestine,west bank,gaza,region gaza,state of palestine,gaza strip,region west bank|PA PAN panama|PG PNG papua new guinea|PY PRY paraguay|PE PER peru
PH PHL philippines,the philippines|PL POL poland|PT PRT portugal|PR PRI puerto rico|QA QAT qatar|RO ROU romania|RU RUS russia,russian federation
RW RWA rwanda|KN KNA saint kitts and nevis,st kitts and nevis|LC LCA saint lucia|VC VCT saint vincent and the grenadines|WS WSM samoa|SM SMR san marino
SA SAU saudi arabia|SN SEN senegal|RS SRB serbia|SC SYC seychelles|SL SLE sierra leone|SG SGP singapore|SK SVK slovakia|SI SVN slovenia
SO SOM somalia|ZA ZAF south africa|SS SSD south sudan|ES ESP spain|LK LKA sri lanka|SD SDN sudan|SR SUR suriname|SE SWE sweden
CH CHE switzerland|SY SYR syria,syrian arab republic|TW TWN taiwan|TJ TJK tajikistan|TZ TZA tanzania,united republic of tanzania
TH THA thailand|TL TLS timor leste|TG TGO togo|TT TTO trinidad and tobago|TN TUN tunisia|TR TUR turkey,turkiye|TM TKM turkmenistan
UG UGA uganda|UA UKR ukraine|AE ARE united arab emirates,uae|GB GBR united kingdom,uk,great britain,england,united kingdom of great britain and northern ireland
US USA united states,united states of america|UY URY uruguay|UZ UZB uzbekistan|VU VUT vanuatu|VA VAT vatican,holy see
VE VEN venezuela|VN VNM vietnam,viet nam|VG VGB virgin islands british,british virgin islands|YE YEM yemen|ZM ZMB zambia|ZW ZWE zimbabwe
"""


def _codes() -> dict[str, str]:
    found: dict[str, str] = {}
    for country in _TABLE.replace("\n", "|").strip("|").split("|"):
        two, three, names = country.split(" ", 2)
        found |= dict.fromkeys([two.lower(), three.lower(), *names.split(",")], two)
    return found


_CODES: Final = _codes()


def names_of_countries() -> list[str]:
    """Lower-case ASCII, the longest first; three letters and more, and the two-letter ones that people write."""
    return sorted((name for name in _CODES if len(name) > 3 or name in {"uk", "uae", "usa"}), key=len, reverse=True)


@lru_cache(maxsize=4_000)
def code_of(text: str) -> str | None:
    """The two-letter code of a country's name or code in any spelling of case; None if it is not known."""
    return _CODES.get(plain(text))


def agreement(asked: str, listed: tuple[str, ...]) -> str:
    """`same` if a listed country is the one asked for, `other` if none is, `unknown` if one side says nothing."""
    mine = code_of(asked) if asked.strip() else None
    theirs = {code for code in map(code_of, listed) if code is not None}
    if mine is None or not theirs:
        return "unknown"
    return "same" if mine in theirs else "other"
