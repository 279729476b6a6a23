"""Words that tell people and firms from categories: common given names and family names, and what firms call themselves.

Compiled by hand from general knowledge, Latin letters without accents; a name that is missing costs nothing but certainty.
"""

# ruff: noqa: RUF001  # letters of Greek and Cyrillic are meant

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

from masking.scripts import lettered

_GIVEN = """
james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph jessica thomas karen
charles sarah christopher lisa daniel nancy matthew betty anthony margaret mark sandra donald ashley steven kimberly paul emily
andrew donna joshua michelle kenneth carol kevin amanda brian dorothy george melissa edward deborah ronald stephanie timothy
rebecca jason sharon jeffrey laura ryan cynthia jacob kathleen gary amy nicholas shirley eric angela jonathan helen stephen anna
larry brenda justin pamela scott nicole brandon samantha benjamin katherine samuel emma gregory ruth frank christine alexander
catherine raymond debra patrick rachel jack carolyn dennis janet jerry virginia tyler maria aaron heather jose diane henry julie
adam joyce douglas victoria nathan kelly peter christina zachary lauren kyle joan walter evelyn harold olivia jeremy judith ethan
megan carl cheryl keith martha roger andrea gerald frances christian hannah terry jacqueline sean ann arthur gloria austin jean
noah kathryn lawrence alice jesse teresa joe sara bryan janice billy doris jordan madison albert julia dylan grace bruce judy
willie abigail gabriel marie alan denise juan beverly logan amber wayne theresa ralph marilyn roy danielle eugene brittany randy
diana vincent rose russell kayla louis alexis philip natalie bobby lori johnny tiffany bradley jane lachlan liam oliver amelia
charlotte mia harper ella chloe isla ruby jasmine callum angus fiona hamish duncan alastair niamh siobhan sinead ciaran eoin
hans ursula klaus monika jurgen juergen petra stefan sabine uwe renate andreas helga wolfgang karin bernd brigitte dieter ingrid
horst gisela gunter guenter gabriele heinz claudia jens susanne kai birgit ralf heike torsten silke sven anja lars timo katrin
matthias thorsten holger manfred rainer werner gerhard helmut jorg joerg markus florian tobias lukas leon finn jonas felix paul
elke ute doris martina cornelia kerstin ulrike christa hannelore lena lea mia johanna greta frieda
pierre nathalie michel isabelle andre sylvie philippe alain martine bernard francoise christophe sandrine nicolas celine laurent
valerie olivier sophie julien thierry veronique pascal aurelie sebastien denis helene luc chantal yves elodie remi camille
jacques francois gerard monique jeanne daniele didier bruno frederic stephane corinne virginie emmanuel guillaume mathieu
antoine baptiste hugo jules louise manon lea ines clement thibault benoit gilles xavier genevieve odile colette
antonio carmen manuel josefa francisco isabel dolores pedro pilar jesus angel rosa luis cristina javier ana miguel lucia rafael
elena diego marta alvaro sergio paula pablo ivan raquel oscar silvia ruben beatriz adrian nuria carlos fernando alejandro jorge
alberto ramon enrique vicente eduardo andres joaquin santiago guillermo ricardo mercedes rocio montserrat encarnacion ignacio
mateo lucas martin valentina camila sofia ximena guadalupe esperanza hector raul cesar arturo gerardo alfredo armando julio
jan andrzej piotr katarzyna krzysztof malgorzata stanislaw agnieszka tomasz pawel ewa jozef krystyna marcin elzbieta marek zofia
michal jadwiga grzegorz danuta jerzy lukasz joanna zbigniew dorota jakub beata dariusz aleksandra henryk renata mateusz halina
wojciech mariusz przemyslaw rafal kamil bartosz kacper szymon filip iwona grazyna bozena urszula magdalena karolina natalia
giuseppe giovanni giuseppina mario luigi francesco giovanna angelo vincenzo pietro carmela salvatore caterina carlo francesca
franco antonietta domenico carla paolo concetta michele rita giorgio margherita aldo franca paola luciano alessandro matteo
lorenzo leonardo marco andrea davide simone stefano riccardo giulia chiara martina alessia federica ilaria elisa silvia roberta
joao manuela paulo ana tiago rui pedro miguel duarte goncalo ines mariana beatriz catarina matilde luis fernanda marcos thiago
rodrigo felipe gustavo leticia camila larissa juliana aline bruna vinicius caio marcelo adriana sonia
johannes pieter cornelis hendrik willem jan-willem sander bram daan sem luuk thijs anouk femke sanne lotte maaike marieke ingeborg
erik karl lars anders johan per nils mikael magnus gustav karin birgitta kerstin lena ulla ole soren mette kirsten inge hanne
bjorn olav knut sigrid astrid kari tone matti juha timo jukka pekka paivi tuula anneli riitta maarit
ivan dmitri dmitry sergei sergey alexei aleksei vladimir mikhail nikolai nikolay olga tatiana tatyana natalia natalya svetlana
irina yelena ekaterina oksana oleksandr volodymyr andriy mykola serhiy iryna bohdan taras jiri petr pavel vaclav jaroslav zdenek
miroslav jana hana eva lenka katerina istvan laszlo zoltan ferenc gabor attila katalin ilona zsuzsanna ion gheorghe vasile
mihai andrei elena ioana alexandru florin dumitru georgi dimitar ivanka stoyan petar marko nikola milan dragan zoran jelena
mehmet mustafa ahmet ali huseyin hasan ibrahim ismail osman yusuf fatma ayse emine hatice zeynep elif merve murat emre burak can
mohammed mohamed muhammad ahmed mahmoud omar khaled hassan hussein abdullah abdul youssef karim tariq samir layla fatima aisha
maryam zainab noor yasmin salma rania nadia amina khadija bilal imran usman faisal hamza zara sana ayesha
raj rajesh suresh ramesh amit anil sunil vijay sanjay ravi deepak rahul rohit arjun krishna lakshmi priya pooja anjali kavita
sunita anita neha divya meena sita geeta arun ashok manoj vikram sandeep harpreet gurpreet jaspreet manpreet
wei fang min jing li yan hui ming xin yu lei jun yang ying hong hua ping jie qiang mei ling chen hao tao bin peng
hiroshi takashi kenji yuki haruto sakura yoko keiko naoko akiko kazuo satoshi takeshi daisuke emi ayumi hana ren sota
minjun jihoon seojun jiwoo soyeon jiyoung sungho youngho hyun eunji nguyen anh linh hung tuan minh thao huong lan phuong hoa
kofi kwame ama akosua chidi emeka ngozi chioma oluwaseun ade adebayo funmilayo amara zanele thabo sipho nomsa lerato mandla
jomo wanjiru njoroge akinyi otieno kamau
saoirse rhys cerys angus mhairi declan orla alfie poppy imogen freya harry jessica ellie archie evie theo rosie aoife cormac
marloes jeroen wouter joost iris koen eline niels roos stijn nienke fleur emma mark erwin marcel ronald saskia monique
joao nuno vasco leonor hugo filipe carolina ricardo susana fatima teresa helena margarida antonio jose francisca marcia patricia
fernanda luiz simone eduardo renato elaine vanessa priscila rosangela claudia
fredrik olof linnea axel elsa ingrid maria margareta elisabeth gunnar sven bengt bertil arne ulf leif mats hakan agneta marianne
mehmet serife busra kemal gulsen meryem sevgi hulya ebru selin deniz ozlem tuba kubra ramazan suleyman halil salih cem ege
deepika kavya ganesh harish naveen prakash vinod mahesh gopal mohan rekha usha shanti geetha divya sneha swati
zdenka ludmila alena helena vera hana marie jaroslava frantisek josef karel ladislav vojtech ondrej stepan tereza adela
constantin nicolae marius cristian bogdan radu dan adrian gabriela mirela carmen simona daniela alina raluca
mikko antti ville kari heikki jari pentti hannu seppo aino helmi kaarina johanna pirjo marja leena sari minna
rasmus mikkel emil kasper frederik christian morten henrik hans niels jens freja ida clara sofie camilla louise
bence mate levente adam zsofia reka eszter judit agnes erzsebet maria tamas andras balazs
nikos giorgos dimitris kostas yannis maria eleni katerina sofia vasiliki georgia panagiotis christos
marko luka ante ivana marija petra ana maja katarina stjepan josip tomislav
siyabonga bongani nomvula precious pieter johan jacobus hendrik gerhardus annelize
jesus guadalupe veronica leticia rosario margarita yolanda patricia roberto gerardo ernesto rodolfo ximena renata
akira hiroko masako shigeru tetsuya kazuko tomoko noriko satoko
wendy grant stuart craig neil ian keith alan colin derek trevor nigel gavin hazel lesley gillian
"""
_FAMILY = """
oneill obrien murphy davies hughes macdonald begum ahmed ali hussain wilson walsh ryan byrne
leeuwen berg boer groot wit vries smits janssen willems maas jacobs
nunes pires mendes cardoso moreira correia neves coelho cunha teixeira nascimento araujo barros freitas cavalcanti
pettersson jonsson lindberg lindstrom sjoberg bergstrom lundqvist hansson bengtsson jonasson lindqvist
yildiz ozturk aydin ozdemir arslan dogan kilic aslan cetin kurt koc ozkan simsek polat erdogan
nair das banerjee joshi chaudhary pillai desai verma mishra pandey chatterjee ghosh bose mukherjee shetty kulkarni
novotny cerny prochazka kucera vesely horak nemec pokorny marek jelinek kral ruzicka benes fiala sedlacek
popescu radu dumitru stan stoica gheorghe matei ciobanu rusu constantin munteanu stefan
nieminen makela hamalainen laine heikkinen koskinen jarvinen lehtonen saarinen salminen heinonen
christensen rasmussen jorgensen madsen sorensen petersen thomsen poulsen johansen knudsen moller
kiss varga molnar nemeth farkas balogh papp takacs juhasz
papadopoulos papadakis georgiou nikolaou dimitriou ioannou
horvat kovacevic babic maric juric petrovic jovanovic nikolic
naidoo pillay govender botha venter nel steyn vanwyk khumalo ndlovu zulu mokoena molefe
reyes flores vargas aguilar juarez salazar ramirez contreras cervantes estrada sandoval
yamada sasaki kobayashi kato yoshida matsumoto inoue kimura hayashi
"""
_FAMILY += """
smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson thomas taylor
moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young allen king wright scott
torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter roberts gomez phillips evans turner diaz
parker cruz edwards collins reyes stewart morris morales murphy cook rogers gutierrez ortiz morgan cooper peterson bailey reed
kelly howard ramos kim cox ward richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez
castillo sanders patel myers long ross foster jimenez powell jenkins perry russell sullivan bell coleman butler henderson barnes
fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds griffin wallace moreno west cole hayes bryant
muller mueller schmidt schneider fischer weber meyer wagner becker schulz hoffmann schafer koch bauer richter klein wolf
schroder neumann schwarz zimmermann braun kruger hofmann hartmann lange schmitt werner krause meier lehmann schmid schulze maier
kohler herrmann konig walter mayer huber kaiser fuchs peters lang scholz moller weiss jung hahn vogel friedrich keller gunther
bernard petit robert richard durand dubois moreau laurent simon lefebvre leroy roux bertrand morel fournier girard bonnet dupont
lambert fontaine rousseau faure blanc guerin boyer garnier chevalier legrand gauthier perrin lefevre mercier chevallier marchand
fernandez martin alonso navarro dominguez vazquez gil serrano molina suarez ortega delgado castro rubio marin sanz nunez iglesias
medina garrido cortes castillo santos lozano guerrero cano prieto mendez calvo gallego vidal leon herrera pena
nowak kowalski wisniewski wojcik kowalczyk kaminski lewandowski zielinski szymanski wozniak dabrowski kozlowski jankowski mazur
kwiatkowski krawczyk kaczmarek piotrowski grabowski zajac pawlowski michalski krol wieczorek jablonski wrobel
rossi russo ferrari esposito bianchi romano colombo ricci marino greco bruno gallo conti mancini costa giordano rizzo lombardi
moretti barbieri fontana santoro mariani rinaldi caruso ferrara galli martini leone longo gentile vitale
silva santos ferreira pereira oliveira costa rodrigues martins sousa fernandes goncalves gomes lopes marques alves almeida
ribeiro pinto carvalho teixeira souza lima barbosa rocha
jansen devries bakker visser smit meijer mulder bos vos peters hendriks dekker brouwer dijkstra
johansson andersson karlsson nilsson eriksson larsson olsson persson svensson gustafsson hansen nielsen jensen pedersen olsen
larsen kristensen korhonen virtanen makinen nieminen
ivanov petrov sidorov smirnov kuznetsov popov vasiliev novikov novak svoboda dvorak horvath nagy kovacs szabo toth popescu
ionescu popa shevchenko kovalenko yilmaz kaya demir celik sahin khan hussain singh kumar sharma gupta shah mehta reddy rao iyer
wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu tanaka sato suzuki takahashi watanabe ito yamamoto nakamura
park choi jung kang cho tran le pham hoang vu okafor okeke adeyemi mensah owusu dlamini nkosi mwangi
"""
FAMILY_ENDING = re.compile(
    r"\w{2,}(?:ovic|evic|enko|chuk|shvili|opoulos|opoulou|idis|akis|oglu|escu|eanu|sdottir|sson|czyk|owski|owska|ewski|ewska|inski|inska|"
    r"ovsky|ovska|ikova|adze|yevich|ovich|ovna|evna|ainen|onen|aitis|auskas|iene|zade|zadeh|pour|yan|ian|gaard|strom|qvist|ovych|uk|ova)"
)
"""What family names of many languages end with, in plain letters."""

GIVEN = frozenset(_GIVEN.split())
FAMILY = frozenset(_FAMILY.split())
NAMES = GIVEN | FAMILY

FIRM = re.compile(
    r"\b(?:inc|llc|l\.l\.c|ltd|limited|corp|corporation|company|co\.|plc|llp|pty|gmbh|ag|kg|ug|ohg|gbr|mbh|e\.?k|sarl|s\.a\.r\.l|sas|sa|"
    r"s\.a|spa|s\.p\.a|srl|s\.r\.l|sl|s\.l|sp\. ?z ?o\. ?o|s\.c|bv|b\.v|nv|oy|oyj|ab|aps|a/s|s\.r\.o|kft|d\.o\.o|ood|lda|ltda|(?:&|and) sons?|"
    r"enterprises?|holdings?|trading|industries|logistics|solutions|partners|associates|group|realty|restaurant|construction)\b\.?",
    re.IGNORECASE,
)
FIRM_ABROAD = re.compile(
    lettered(
        r"\b(?:(?-i:PT|UD|CV|PD|AS|ASA|HB|KB|Ky|Bt|SIA|UAB|OÜ|SC|SE|VOF|DA|ANS|ENK|SAC|SAS|SLU|EI|AB|ME|MMC|ASC|QSC|OOO|OAO|ZAO|ИП|АО|ПАО|ПП|АД|АЕ|ΑΕ|ΟΕ|ΕΕ)"
        r"|a\.?s|a\.? ?ş|tbk|perum|persero|zrt|nyrt|rt|spol|v\.?o\.?s|k\.?s|kgaa|e\.? ?v|e\.? ?g|stiftung|& co|y asociados|e hijos|"
        r"[ei] figli|e filhos|fils|hermanos|fratelli|irmãos|associados|asociados|brothers|bros|sons|s\.?n\.?c|s\.?a\.?s|s\.?c\.?s|eurl|sci|scop|"
        r"eireli|s/a|de c\.?v|d\.? ?d|j\.? ?d\.? ?o\.? ?o|d\.? ?n\.? ?o|k\.? ?d|s\.? ?p|obrt|vennootschap|agency|services|consulting|şti|"
        r"ооо|оао|зао|тов|тзов|фоп|дооел|доо|еоод|оод|επε|ՍՊԸ|ՓԲԸ|ԲԲԸ|công ty|tnhh|tập đoàn|doanh nghiệp|hợp tác xã|"
        r"شركة|شرکت|مؤسسة|گروه|בע[\"״]מ|लिमिटेड|कंपनी|कम्पनी|লিমিটেড)(?!\w)"
        r"|株式会社|有限会社|合同会社|合資会社|合名会社|株式會社|\((?:株|有|주|유|합)\)|주식회사|유한회사|합자회사|합명회사|公司|集团|集團|"
        r"บริษัท|จำกัด|บมจ|บจก|ห้างหุ้นส่วน|შპს"
    ),
    re.IGNORECASE,
)
"""What firms call themselves beyond the languages of `FIRM`, without marks; looked for in whole columns only."""

LENDER = re.compile(
    r"\b(?:bank\w*|banca|banco|banque|sparkasse|volksbank|credit\w*|kredit\w*|financ\w*|lending|lender|capital|funding|mortgage|leasing|"
    r"union|fcu|natl|national|trust|savings|card|visa|mastercard|amex|telecom|wireless|energy|utilit\w*|hospital|medical|"
    r"retail|auto|loan\w*|personal|consumer|student|installment|revolving|secured|unsecured|overdraft|insurance|electric|gas|water|"
    r"hypothek\w*|darlehen|pret|prestamo|prestito|mutuo|kredyt|pozyczka|tarjeta|carte|karta|verbraucher\w*|consumo)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """Lower-case Latin letters without accents."""
    if text.isascii():
        return text.lower()
    stripped = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return anyascii(stripped).lower()


def is_firm(cell: str) -> bool:
    """Whether a cell says that it is a firm."""
    return bool(FIRM.search(cell) or FIRM_ABROAD.search(lettered(cell)))


def is_known_name(cell: str) -> bool:
    """Whether one of up to five words is a common name."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)?", plain(cell))
    return 0 < len(words) <= 5 and any(word in NAMES or word.split("-")[0] in GIVEN for word in words)


def could_be_somebody(cell: str) -> bool:
    """Whether one of up to five words is a common name or ends as family names do; for whole columns, as `Canadian` ends so too."""
    return is_known_name(cell) or (
        len(cell.split()) <= 5 and any(map(FAMILY_ENDING.fullmatch, re.findall(r"[a-z]+", plain(cell))))
    )


def is_full_name(cell: str) -> bool:
    """Whether a cell is two to four words of which at least two are common names, one of them a given name."""
    words = re.findall(r"[a-z]+", plain(cell))
    known = [word for word in words if word in NAMES]
    return 2 <= len(words) <= 4 and len(known) >= 2 and any(word in GIVEN for word in words)
