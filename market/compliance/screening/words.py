"""What words mean inside a name: legal forms, titles, particles, nicknames, numbers. Data, compiled for this project."""

from typing import Final


def _table(lines: str) -> dict[str, str]:
    """`canonical: variant, variant` per line, turned round: variant -> canonical."""
    found = {}
    for line in lines.strip().splitlines():
        canonical, _, variants = line.partition(":")
        found[canonical.strip()] = canonical.strip()
        found |= {variant.strip(): canonical.strip() for variant in variants.split(",") if variant.strip()}
    return found


def _groups(lines: str) -> dict[str, frozenset[str]]:
    """Like `_table`, but a word may stand for several: Ted is Edward or Theodore."""
    found: dict[str, frozenset[str]] = {}
    for line in lines.strip().splitlines():
        canonical, _, variants = line.partition(":")
        name = frozenset({canonical.strip()})
        for variant in [canonical, *variants.split(",")]:
            found[variant.strip()] = found.get(variant.strip(), frozenset()) | name
    return found


LEGAL_FORMS: Final = _table(
    """
    llc: limited liability company, limited liability co, limited liability comp, ooo, obshchestvo s ogranichennoy otvetstvennostyu, obshchestvo s ogranichennoi otvetstvennostyu, obschestvo s ogranichennoi otvetstvennostiu, obshchestvo s ogranichennoj otvetstvennostyu, tov, sarl, srl, s r l, societatea cu raspundere limitata, sociedad de responsabilidad limitada, societe a responsabilite limitee, societa a responsabilita limitata, spzoo, sp z o o, sp zoo, spolka z ograniczona odpowiedzialnoscia, doo, d o o, too, mchj, eood, ood, sro, s r o, sl, ltda, limitada, bvba, sprl, e i r l, eirl, wll, w l l, spc, fze, fzc, fzco, fz llc, dmcc, lda, mmc, l l c
    gmbh: gesellschaft mit beschrankter haftung, g m b h, mbh, ggmbh, ug
    ltd: limited, ltd company, ltda company, private limited, pvt ltd, pvt limited, pty ltd, pty limited, pte ltd, pte limited, pty, pte, pvt, co ltd, company limited, co limited, company ltd, sdn bhd, sendirian berhad, bhd, berhad, kk, kabushiki kaisha
    jsc: joint stock company, joint stock compan, joint stock co, open joint stock company, closed joint stock company, public joint stock company, ojsc, cjsc, pjsc, oao, zao, pao, ao, aktsionernoe obshchestvo, aktsionernoye obshchestvo, aktsionernoe obschestvo, otkrytoye aktsionernoye obshchestvo, otkrytoe aktsionernoe obshchestvo, zakrytoe aktsionernoe obshchestvo, publichnoe aktsionernoe obshchestvo, publichnoye aktsionernoye obshchestvo, public company, private joint stock company, pat, prat, oaonpo, a o
    ag: aktiengesellschaft, a g, ab, aktiebolag, oyj, oy, asa, as, a s, aksjeselskap, aktieselskab, anonim sirketi, nv, n v, naamloze vennootschap, bv, b v, besloten vennootschap
    sa: s a, sociedad anonima, societe anonyme, sociedade anonima, spa, s p a, societa per azioni, sae, s a e, saog, sal, s a l, sa de cv, s a de c v, sociedad anonima de capital variable, sas, s a s, sa cv, c a, ca, compania anonima, saoc, srl de cv, s de rl de cv, s de r l de c v
    plc: public limited company, public limited co, p l c, se, societas europaea
    lp: limited partnership, l p, llp, limited liability partnership, l l p, kg, gmbh co kg, kommanditgesellschaft
    inc: incorporated, corp, corporation, corporaton, company, co, compagnie, cie, compania, cia
    pt: perseroan terbatas, p t, tbk, cv, p j s
    """
)
"""Legal forms as they come after transliteration, by family. Families that differ count against a match; one missing does not."""

LONGEST_FORM: Final = max(len(form.split()) for form in LEGAL_FORMS)

FORM_WORDS: Final = frozenset(
    """limited liability joint stock company public private open closed partnership corporation incorporated co ltd with
    aktsionernoe aktsionernoye obshchestvo obschestvo ogranichennoi ogranichennoy otvetstvennostyu otkrytoe otkrytoye
    zakrytoe zakrytoye publichnoe publichnoye sociedad societe anonima anonyme responsabilidad limitada limitee sirketi
    anonim ticaret sanayi ve kg inc corp llc gmbh""".split()
)
"""What is left of a legal form when a word of it is missing."""

TITLES: Final = frozenset(
    """mr mrs ms miss dr prof professor his excellency highness eminence sir lady lord dame rev reverend hon honourable honorable president prasident
    presidente minister general gen colonel col major maj captain capt lieutenant lt sergeant sgt commander cmdr admiral
    herr frau don dona senor senora monsieur madame ing eng engineer mullah mawlawi maulavi maulvi molvi qari hajji haji hadji
    haj hajj al-haj alhaj sheikh shaykh shaikh sheik cheikh ustad ayatollah hojjatoleslam jr sr na nee esq phd md mba esquire deceased ret retd""".split()
)

PARTICLES: Final = frozenset(
    """al el ul ur as ad ed ibn bin ben bint binti binte van von der den de da do dos das del della di du la le les los las
    of the and for und et y e zu zum zur ter ten te af av bar""".split()
)

SAME_PARTICLE: Final = {"ibn": "bin", "el": "al", "ul": "al", "ur": "al", "ed": "al", "binte": "bint", "binti": "bint"}

GENERIC: Final = frozenset(
    """group gruppe groupe grupo gruppa holding holdings international trading trade trust fund foundation organization
    organisation organizacion association society institute center centre bank banking industries industry industrial
    enterprise enterprises business services service solutions systems technology technologies management investment
    investments capital partners general global national state federal import export company commercial development
    production engineering construction shipping marine maritime airlines aviation energy oil gas petroleum factory plant
    research scientific office bureau committee front army party union brigade movement logistics consulting
    comercializadora inversiones constructora agropecuaria inmobiliaria distribuidora transportes servicios""".split()
)
"""Words that many organisations share, so that they carry little of an organisation's identity."""

FILLERS: Final = frozenset(
    "group gruppe groupe grupo gruppa grupp holding holdings international general trading".split()
)
"""Words that come and go in the name of one and the same organisation."""

VESSEL_PREFIXES: Final = frozenset("mv mt ms ss my fv sv vlcc ulcc fpso lng lpg motor vessel tanker ship".split())

NICKNAMES: Final = _groups(
    """
    alexander: alex, sasha, sascha, sandy, alec, aleksandr, aleksander, alexandr, oleksandr, shura, sanya
    alexei: alyosha, lyosha, aleksei, alexey, aleksey
    andrew: andy, drew
    anthony: tony, antonio, toni
    barack: barry
    benjamin: ben, benny, benji, benjie
    boris: borya
    charles: charlie, chuck, carlos
    christopher: chris, kit, topher
    daniel: dan, danny, danilo
    david: dave, davey, davy
    dmitri: dima, dmitry, dmitriy, mitya
    donald: don, donnie, donny
    edward: ed, eddie, eddy, ted, ned, eduardo
    elizabeth: liz, lizzie, beth, betty, eliza, lisa, elisabeth
    evgeny: zhenya, evgeni, yevgeny, yevgeni, evgeniy, yevgeniy
    francisco: paco, pancho, francis, frank
    frederick: fred, freddie, freddy, fritz, friedrich
    gennady: gena, gennadi, gennadiy
    gregory: greg, gregor, grigory, grisha
    guillermo: memo
    ignacio: nacho
    igor: gosha
    ivan: vanya
    james: jim, jimmy, jamie, jem
    john: johnny, jack, jon
    jose: pepe, chepe
    joseph: joe, joey, iosif
    katherine: kate, katie, kathy, cathy, catherine, kathryn
    konstantin: kostya
    lawrence: larry, laurence
    leonid: lyonya
    leonard: leo, len, lenny
    luis: lucho
    manuel: manolo, manny
    margaret: maggie, meg, peggy, greta, rita
    maria: masha, mary, mariya
    matthew: matt, matty
    michael: mike, mick, mickey, micky, mikhail, misha, miguel
    nathaniel: nathan, nat, nate
    nicholas: nick, nicky, nicolas, nikolai, kolya, nikolay, nikolas
    natalia: natasha, nataliya, natalya
    olga: olya
    patrick: pat, paddy, patricio
    pavel: pasha
    peter: pete, pyotr, petr, petya, pedro
    philip: phil, phillip
    rafael: rafa
    richard: rick, dick, rich, ricky, richie, ricardo
    robert: bob, bobby, rob, robbie, bert, roberto
    ronald: ron, ronnie, ronny
    samuel: sam, sammy
    sergei: seryozha, sergey, sergej, serge, sergio
    stephen: steve, steven, stevie, stefan
    tatiana: tanya, tatyana
    theodore: ted, teddy, theo, fyodor
    thomas: tom, tommy, tomas
    timothy: tim, timmy
    victor: vic, viktor, vitya
    vladimir: vova, volodya, vlad, volodymyr, uladzimir, wladimir
    vyacheslav: slava, viacheslav
    william: bill, billy, will, willy, willie, liam
    yuri: yura, yury, yuriy, iurii
    zachary: zach, zack
    abdullah: abdallah, abdulla, abdalla
    ahmad: ahmed, ahmet, achmed, akhmad, akhmed
    hussein: husayn, hussain, husain, hossein, husein, hussin, houssein
    ibrahim: ebrahim, brahim, ibraheem
    mohammad: mohammed, muhammad, muhammed, mohamed, mohamad, muhamad, mohd, md, mehmet, mahamad, mouhamed, mohammod, magomed, muhammet
    mustafa: mostafa, moustafa, mustapha
    omar: umar, omer, oumar
    osama: usama, oussama
    yusuf: youssef, yousef, yusif, yousuf, joseph, youcef, yussuf, yousif
    saleh: salih, salah, saleeh
    uthman: othman, osman, usman, ousmane
    khalid: khaled, halid
    """
)
"""Nicknames and spellings of given names that no rule of sound brings together, by the name they stand for."""

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"

NUMBERS: Final = (
    {word: str(value) for value, word in enumerate(_UNITS.split())}
    | {word: str(10 * value) for value, word in enumerate(_TENS.split(), start=2)}
    | {word: str(value) for value, word in enumerate(_ORDINALS.split())}
    | {"fourty": "40", "hundred": "100"}
)

ROMAN: Final = {
    roman: str(value)
    for value, roman in enumerate(
        "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split(), start=1
    )
}

ACRONYM_EXPANSIONS: Final = {
    "us": ("united", "states"),
    "uk": ("united", "kingdom"),
    "uae": ("united", "arab", "emirates"),
}

ABBREVIATIONS: Final = {
    short: full
    for line in """
    international: intl int
    trading: trdg trd
    management: mgmt mgt mngmt
    manufacturing: mfg
    industries: inds
    industrial: indl
    development: dev devt dvlpt
    engineering: eng engg engr
    technology: tech
    technologies: techs
    services: svcs svc srvcs
    department: dept dpt
    national: natl
    construction: constr const
    organization: org orgn organisation
    investment: inv invest invt
    association: assoc assn
    exchange: exch
    brothers: bros
    government: govt
    university: univ
    institute: inst
    center: centre ctr
    general: gen
    group: grp
    holding: hldg
    holdings: hldgs
    enterprises: entps
    financial: fin
    insurance: ins
    transport: transp
    committee: cttee
    ministry: min
    """.strip().splitlines()
    for full, _, shorts in [line.strip().partition(": ")]
    for short in shorts.split()
}
"""What an organisation's words are cut short to, by their whole words."""

LEET: Final = str.maketrans("0123456789", "oizeasgtbg")
